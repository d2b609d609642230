"""One measured figure, beside what it is measured against and what it should be."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """A figure in its unit; `goal` is a limit in the same unit, or in that of the ratio."""

    name: str
    value: float
    unit: str
    baseline: float | None = None  # the other side of the ratio, in the same unit
    baseline_name: str = ""
    goal: str = ""
    reached: bool | None = None  # None where nothing was promised
    samples: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """The figure against its baseline."""
        return self.value / self.baseline if self.baseline else None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "ratio": self.ratio}


def median(samples: Sequence[float]) -> float:
    """The middle of several runs: one that was disturbed does not count."""
    return statistics.median(samples)


def percentile(samples: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the samples lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def table(results: Sequence[Result]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| measured | Hearth | against | ratio | goal | |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    for result in results:
        against = ratio = mark = ""
        if result.baseline is not None:
            against = f"{_number(result.baseline)} {result.unit} ({result.baseline_name})"
            ratio = f"{result.ratio:.3f}" if result.ratio is not None else ""
        if result.reached is not None:
            mark = "reached" if result.reached else "MISSED"
        lines.append(
            f"| {result.name} | {_number(result.value)} {result.unit} | {against} | {ratio} "
            f"| {result.goal} | {mark} |"
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"

"""A window in whose hardware section a model is tuned, with a search that a test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtWidgets import QLabel, QPushButton

from app import gguf
from app.llm.optimizer.machine.records import Computer
from app.llm.providers.local_plans import Subject
from app.llm.trials import NO_SPEED, Runs, Speed, Trial, TuningProgress
from app.schema import LoadedModel, LoadPlan, LoadProgress
from app.ui.settings.tuning_block import TuningField
from tests.ui.conftest import Desk, until
from tests.ui.hardware_use import FixedSurvey, HardwarePanel, PlannedProvider, open_hardware

PLAN = LoadPlan("/models/some.gguf", n_ctx=8192, n_threads=8, n_threads_batch=8)


def trial(
    change: str,
    reading: float | None = None,
    writing: float | None = None,
    predicted: Speed = NO_SPEED,
    **plan: object,
) -> Trial:
    """A trial that was so fast in each of three runs; `plan` is what it changes of the plan."""
    return Trial(
        change,
        replace(PLAN, **plan),  # type: ignore[arg-type]
        Runs(512, (512 / reading,) * 3) if reading else None,
        Runs(128, (128 / writing,) * 3) if writing else None,
        predicted,
    )


def some_trials() -> tuple[Trial, ...]:
    """As of a search on a computer with eight cores: the plan first, the best last."""
    return (
        trial("", 255.2, 10.1, Speed(270.0, 11.0)),
        trial("7 threads", None, 11.6, Speed(None, 11.0), n_threads=7),
        trial("4 threads", None, 12.2, Speed(None, 11.0), n_threads=4),
        trial("16 threads for the prompt", 231.0, None, Speed(280.0), n_threads_batch=16),
        trial("256 tokens at once", 214.0, None, Speed(262.0), n_ubatch=256),
        trial(
            "flash attention off",
            198.0,
            8.7,
            Speed(249.0, 10.2),
            flash_attention=False,
        ),
        trial("4 threads", 260.0, 12.4, Speed(270.0, 11.0), n_threads=4),
    )


@dataclass
class TunedProvider(PlannedProvider):
    """Its search reports what a test puts into it."""

    reports: asyncio.Queue[TuningProgress | Exception | None] = field(default_factory=asyncio.Queue)
    begun: int = 0
    ended: int = 0
    end_hold: asyncio.Event | None = None  # awaited when a search is ended

    def report(self, fraction: float, trying: str, *trials: Trial) -> None:
        """How far the search is."""
        self.reports.put_nowait(TuningProgress(fraction, trying, trials))

    def fail(self, error: Exception) -> None:
        """Has the search fail."""
        self.reports.put_nowait(error)

    def finish(self, trials: tuple[Trial, ...], kept: int) -> None:
        """Has the search end, and keeps what it has brought."""
        assert self.plans is not None
        assert self.loaded is not None
        path = Path(self.loaded)
        mine = tuple(replace(one, plan=replace(one.plan, path=str(path))) for one in trials)
        tuning = self.plans.keep(Subject(gguf.read(path)), mine, kept)
        self.reports.put_nowait(TuningProgress(1.0, "", mine, tuning))
        self.reports.put_nowait(None)

    async def load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        if self.load_error is not None:
            raise self.load_error
        return await super().load(model, on_progress)

    async def tune(self, model: str) -> AsyncGenerator[TuningProgress, None]:
        self.begun += 1
        try:
            while (report := await self.reports.get()) is not None:
                if isinstance(report, Exception):
                    raise report
                yield report
        finally:
            if self.end_hold is not None:
                await self.end_hold.wait()
            self.ended += 1


class TuningPanel(HardwarePanel):
    """The block in which a model is tuned."""

    def __init__(self, desk: Desk, survey: FixedSurvey, local: TunedProvider) -> None:
        super().__init__(desk, survey, local)
        self.search = local

    @property
    def block(self) -> TuningField:
        found = self.row("tuning").field
        assert isinstance(found, TuningField)
        return found

    @property
    def start(self) -> QPushButton:
        return self.button("tuningStart")

    @property
    def cancel(self) -> QPushButton:
        return self.button("tuningCancel")

    @property
    def forget(self) -> QPushButton:
        return self.button("tuningForget")

    @property
    def is_running(self) -> bool:
        """Whether the block shows a search."""
        return self.cancel.isVisible()

    def told(self, part: str) -> str:
        """A sentence of the block that is seen, or ""."""
        label = self.part(QLabel, f"tuning{part}")
        return label.text() if label.isVisible() else ""

    async def begin(self, model: Path) -> None:
        """A loaded model whose search has begun."""
        await self.load(model)
        await self.open("hardware")
        await until(lambda: self.start.isEnabled())
        await until(lambda: not self.desk.services.tasks.running)
        self.start.click()
        await until(lambda: self.search.begun > self.search.ended)

    async def until_ended(self) -> None:
        """The search has ended, and what follows it too."""
        await until(lambda: not self.is_running)
        await until(lambda: not self.desk.services.tasks.running)


async def open_tuning(home: Path, known: Computer | None = None) -> TuningPanel:
    """The window, not yet at its settings."""
    made = await open_hardware(home, known, provider=TunedProvider)
    assert isinstance(made.local, TunedProvider)
    return TuningPanel(made.desk, made.survey, made.local)

"""Models worth having, and whether a model of some size fits this computer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from app.llm.optimizer import hardware

if TYPE_CHECKING:
    from app.schema import Hardware

HUB = "https://huggingface.co/"
# Beside the weights: context, compute buffers, and the rest of what is open. A rule of thumb; the
# exact need is known from the file's header, before the file is loaded.
ROOM_SHARE, ROOM = 0.1, 1_000_000_000  # of the file, and bytes


class Fit(StrEnum):
    """Whether a model fits into memory."""

    NOW = "now"  # into what is free at the moment
    CROWDED = "crowded"  # only when other programs are closed
    NEVER = "never"  # it is too large for this computer


@dataclass(frozen=True, slots=True)
class ShelfModel:
    """One recommendation; `size` is the file's in bytes."""

    name: str
    repo: str
    quantisation: str
    size: int
    licence: str
    good_for: str

    @property
    def page(self) -> str:
        """The web page from which the file can be downloaded."""
        return f"{HUB}{self.repo}/tree/main"


def computer() -> Hardware:
    """The facts about this computer, as they are now."""
    return hardware.detect()


def read(resources: Path) -> list[ShelfModel]:
    """The recommendations, small ones first; none where the file is missing or damaged."""
    try:
        entries = json.loads((resources / "shelf.json").read_text(encoding="utf-8"))["models"]
        models = [
            ShelfModel(
                name=entry["name"],
                repo=entry["repo"],
                quantisation=entry["quantisation"],
                size=round(entry["size_gb"] * 1e9),
                licence=entry["licence"],
                good_for=entry["good_for"],
            )
            for entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return sorted(models, key=lambda model: model.size)


def fit(size: int, facts: Hardware) -> Fit:
    """Whether a model file of `size` bytes fits this computer."""
    needed = size * (1 + ROOM_SHARE) + ROOM
    if needed <= facts.available_memory:
        return Fit.NOW
    return Fit.CROWDED if needed <= facts.total_memory else Fit.NEVER


def largest(facts: Hardware) -> int:
    """The size in bytes of the largest file that fits this computer, when nothing else is open."""
    return max(0, round((facts.total_memory - ROOM) / (1 + ROOM_SHARE)))


def by_fit(models: list[ShelfModel], facts: Hardware) -> list[tuple[ShelfModel, Fit]]:
    """What fits comes first, the largest of it on top; then the rest, small ones first."""
    judged = [(model, fit(model.size, facts)) for model in models]
    order = {Fit.NOW: 0, Fit.CROWDED: 1, Fit.NEVER: 2}
    return sorted(
        judged, key=lambda each: (order[each[1]], each[0].size * (-1 if each[1] is Fit.NOW else 1))
    )

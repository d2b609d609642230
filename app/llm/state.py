"""Where the selected model stands, as the manager tells it and the window shows it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from app.errors import HearthError
    from app.schema import LoadedModel, LoadProgress, ModelRef


class Phase(StrEnum):
    """Where the selected model stands."""

    NOTHING = "nothing"  # no model is selected
    IDLE = "idle"  # one is selected and not loaded
    LOADING = "loading"
    READY = "ready"


class ModelState(NamedTuple):
    """The selected model, as the window shows it."""

    phase: Phase = Phase.NOTHING
    ref: ModelRef | None = None
    progress: LoadProgress | None = None
    loaded: LoadedModel | None = None
    error: HearthError | None = None  # why the last load failed

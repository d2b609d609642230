"""What was found to be fastest for models: kept by model, computer and llama.cpp."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from app.llm.trials import Trial, Tuning
from app.storage import Entries

if TYPE_CHECKING:
    from app.gguf import Header

MOST = 200  # tunings; the oldest are forgotten
MOST_TOKENS = 1 << 20  # of a test; more is damage
MOST_COUNTED = 1 << 30  # of a plan's tokens and threads; more is damage, as is none


class KeptTunings:
    """A JSON file; what another computer or another llama.cpp was measured with is left alone."""

    def __init__(self, file: Path, engine: str) -> None:
        """`engine` is the version of llama.cpp's package."""
        self._entries = Entries(file)
        self._engine = engine

    @property
    def engine(self) -> str:
        """The version of llama.cpp's package."""
        return self._engine

    def tuning(self, header: Header, computer: str) -> Tuning | None:
        """What is kept for a model on the computer with that fingerprint, with this llama.cpp."""
        return _tuning(self._entries.read().get(self._key(header, computer, self._engine)))

    def older(self, header: Header, computer: str) -> Tuning | None:
        """The newest that was measured otherwise, where nothing is kept that holds now."""
        if self.tuning(header, computer) is not None:
            return None
        found = [_tuning(one) for key, one in self._entries.read().items() if _is_of(key, header)]
        known = [one for one in found if one is not None]
        return max(known, key=lambda one: one.day, default=None)

    def keep(self, header: Header, tuning: Tuning) -> None:
        """Remembers a tuning; a file that cannot be written costs no more than another search."""
        key = self._key(header, tuning.computer, tuning.engine)
        self._entries.put(key, dataclasses.asdict(tuning), MOST)

    def forget(self, header: Header) -> None:
        """Forgets whatever was measured of a model."""
        known = self._entries.read()
        left = {key: one for key, one in known.items() if not _is_of(key, header)}
        if left != known:
            self._entries.write(left)

    def _key(self, header: Header, computer: str, engine: str) -> str:
        return f"{computer} {engine} {header.file_size} {header.path}"


def _is_of(key: str, header: Header) -> bool:
    """Whether it is of this model, on whichever computer and with whichever llama.cpp."""
    return key.split(" ", 2)[2:] == [f"{header.file_size} {header.path}"]


def _tuning(value: Any) -> Tuning | None:
    """A tuning from JSON; None where it is none, down to the last number."""
    try:
        known = _form().validate_json(json.dumps(value), strict=True)
        date.fromisoformat(known.day)
    except ValueError:
        return None
    is_sound = 0 <= known.kept < len(known.trials) and all(map(_is_sound, known.trials))
    return known if is_sound else None


def _is_sound(trial: Trial) -> bool:
    runs = [one for one in (trial.prompt, trial.generation) if one is not None]
    seconds = [second for one in runs for second in one.seconds]
    figures = (trial.predicted.prompt, trial.predicted.generation, *seconds)
    plan = trial.plan
    counts = (plan.n_ctx, plan.n_threads, plan.n_threads_batch, plan.n_batch, plan.n_ubatch)
    is_plan = all(0 < one <= MOST_COUNTED for one in counts) and plan.n_gpu_layers >= -1
    return (
        is_plan
        and all(0 < one.tokens <= MOST_TOKENS for one in runs)
        and all(one is None or 0 <= one < math.inf for one in figures)
    )


@cache
def _form() -> TypeAdapter[Tuning]:
    return TypeAdapter(Tuning)

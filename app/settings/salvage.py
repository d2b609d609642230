"""Reads what can be read of damaged settings, one value at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from app.settings.everything import Settings

SALVAGE_ROUNDS = 5  # what is left out may show what else is damaged
_LOG = logging.getLogger(__name__)


def salvaged(data: dict[str, Any]) -> tuple[Settings, list[str]]:
    """What can be read of the settings, and the names of what cannot."""
    lost: list[str] = []
    for _ in range(SALVAGE_ROUNDS):
        try:
            return Settings.model_validate(data), sorted(lost)
        except ValidationError as error:
            _LOG.info("damaged settings: %s", error)
            # The last ones of a list first: the places of the others stay as they are.
            for place in sorted(_damaged(error), key=_by_number, reverse=True):
                _remove(data, place)
                lost.append(".".join(map(str, place)))
    return Settings(), ["all of them"]


def _by_number(place: tuple[int | str, ...]) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in place]


def _damaged(error: ValidationError) -> set[tuple[int | str, ...]]:
    """The smallest parts that can be left out: an entry of a list as a whole, else one value."""
    return {tuple(_to_entry(each["loc"])) for each in error.errors(include_input=False)}


def _to_entry(place: Sequence[int | str]) -> Iterator[int | str]:
    for step in place:
        yield step
        if isinstance(step, int):
            return


def _remove(data: Any, place: Sequence[int | str]) -> None:
    """Takes away what stands at a place of nested objects and lists."""
    *way, last = place
    for step in way:
        if not isinstance(data, dict | list):
            return
        data = data[step]  # type: ignore[index]
    if isinstance(data, dict):
        data.pop(last, None)
    elif isinstance(data, list) and isinstance(last, int) and last < len(data):
        del data[last]

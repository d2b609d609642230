"""Reads decoded JSON that may hold anything: what has another type counts as missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from app.errors import BadReply
from app.llm.providers import failures

SHOWN = 300  # characters of a reply in an error's details
_T = TypeVar("_T")


def decoded(name: str, text: str) -> Any:
    """The JSON of one event of a stream; `name` is the server's. Raises BadReply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(name, text) from error


def parsed(name: str, text: str) -> dict[str, Any]:
    """The JSON object of one event of a stream. Raises BadReply."""
    value = decoded(name, text)
    if not isinstance(value, dict):
        raise _unreadable(name, text)
    return value


def as_object(name: str, value: Any) -> dict[str, Any]:
    """A reply that must be a JSON object.

    Raises:
        ApiError: it is an error that came with a status of success, as LM Studio sends it.
        BadReply: it is no object.
    """
    if isinstance(value, dict):
        if value.get("error") and len(value) <= 3:
            raise failures.failure(name, None, value)
        return value
    raise BadReply(
        f"{name} sent a page where Hearth expected data.",
        "Check the address in its settings.",
        str(value)[:SHOWN],
        provider=name,
    )


def objects(value: Any) -> Sequence[dict[str, Any]]:
    """The objects in a list of a reply; whatever else is there is passed over."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(source: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under a key; an empty one where there is none."""
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def string(source: Mapping[str, Any], key: str) -> str:
    """The text under a key; "" where there is none."""
    value = source.get(key)
    return value if isinstance(value, str) else ""


def whole(source: Mapping[str, Any], key: str) -> int:
    """The whole number under a key; 0 where there is none."""
    return whole_or(source, key, 0)


def whole_or(source: Mapping[str, Any], key: str, otherwise: _T) -> int | _T:
    """The whole number under a key, else `otherwise`."""
    value = source.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def vectors(name: str, listed: Any, count: int) -> list[list[float]]:
    """The vectors in a list of a reply, one for each of `count` texts. Raises BadReply."""
    made = [_vector(value) for value in listed] if isinstance(listed, list) else []
    if len(made) != count or not all(made):
        raise BadReply(
            f"{name} did not give a vector for each text.",
            "Choose an embedding model.",
            provider=name,
        )
    return made


def _vector(value: Any) -> list[float]:
    """The numbers of a vector; none where it is something else."""
    if not isinstance(value, list) or not all(isinstance(number, int | float) for number in value):
        return []
    return [float(number) for number in value]


def _unreadable(name: str, text: str) -> BadReply:
    return BadReply(
        f"{name} sent something that Hearth cannot read.",
        "Try again, or update the server; if it stays, report this with the details.",
        text[:SHOWN],
        provider=name,
    )

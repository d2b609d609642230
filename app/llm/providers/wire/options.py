"""Which options of a request are sent, where models of one API refuse different ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from app.schema import Sampling

CAN_BE_REFUSED = ("top_k", "top_p", "temperature", "seed", "effort", "thinking")
SAID_AS = {"top_k": ("top_k", "topk"), "top_p": ("top_p", "topp")}  # in errors, in lower case


class Body(NamedTuple):
    """The JSON of a request, the options in it, and those that were asked for but left out."""

    json: dict[str, Any]
    options: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def notice(self) -> str:
        """What the person should know of the options that are missing."""
        if not self.left_out:
            return ""
        return f"Left out, because this model does not take it: {', '.join(self.left_out)}."


class Options:
    """Sorts the options that are wanted; the value None stands for one that cannot be sent."""

    def __init__(self, wanted: Mapping[str, Any], refused: Collection[str]) -> None:
        """`refused` are the names of those that the model is known to refuse."""
        self.sent = {
            name: value
            for name, value in wanted.items()
            if value is not None and name not in refused
        }
        self.left_out = tuple(name for name in wanted if name not in self.sent)


def changed(sampling: Sampling, names: Collection[str]) -> dict[str, Any]:
    """The fields of `names` that differ from the defaults, which are llama.cpp's, not a cloud's."""
    default = Sampling()
    return {
        name: getattr(sampling, name)
        for name in names
        if getattr(sampling, name) != getattr(default, name)
    }


def refused_option(words: str, sent: Collection[str]) -> str | None:
    """The option that an error speaks of, where it was sent; of several the least important one."""
    words = words.lower()
    return next(
        (
            name
            for name in CAN_BE_REFUSED
            if name in sent and any(sign in words for sign in SAID_AS.get(name, (name,)))
        ),
        None,
    )

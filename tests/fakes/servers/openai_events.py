"""The events of OpenAI's chat API, for replies that a test puts together itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HELLO = ("Hello", ", ", "world")
COUNTS = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def delta(**said: Any) -> dict[str, Any]:
    """A piece of the answer."""
    return {"choices": [{"index": 0, "delta": said, "finish_reason": None}]}


def finish(reason: str = "stop", **beside: Any) -> dict[str, Any]:
    """The end of the text."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **beside}


def answer(texts: Sequence[str] = HELLO) -> list[dict[str, Any]]:
    """A whole answer, with the usage behind the finish as OpenAI sends it."""
    return [
        delta(role="assistant", content=None),
        *(delta(content=text) for text in texts),
        finish(),
        {"choices": [], "usage": COUNTS},
    ]

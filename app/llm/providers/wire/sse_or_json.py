"""Server-sent events with JSON between them or in their place, as Gemini sends its errors."""

from __future__ import annotations

import json

from app.llm.providers.wire.lines import Lines
from app.llm.providers.wire.sse import Events

ENDS = {"{": "}", "[": "]"}


class EventsOrJson:
    """Takes the bytes of a reply as they come; gives the JSON texts that they complete.

    A line that begins with a bracket is no field of an event. It begins a value that may go over
    many lines, such as an error after some events, or the whole of a reply that is no stream.
    """

    def __init__(self, name: str) -> None:
        """`name` is the server's, for messages."""
        self._lines = Lines(name)
        self._events = Events(name)
        self._bare: list[str] = []  # the lines of a value that is not complete yet

    def feed(self, data: bytes) -> list[str]:
        """The texts that end within `data`. Raises BadReply."""
        return [text for line in self._lines.feed(data) for text in self._take(line)]

    def end(self) -> list[str]:
        """The last texts, when the reply is over; one that breaks off in the middle is dropped."""
        texts = [text for line in self._lines.end() for text in self._take(line)]
        texts += ["\n".join(self._bare), *(event.data for event in self._events.take([""]))]
        return [text for text in texts if _is_json(text)]

    def _take(self, line: str) -> list[str]:
        if not self._bare and line[:1] not in ENDS:
            return [event.data for event in self._events.take([line])]
        self._bare.append(line)
        # Only a bracket in the first column is tried, so that a long value is not read many times.
        end = ENDS[self._bare[0][0]]
        if len(self._bare) > 1 and not line.startswith(end):
            return []
        text = "\n".join(self._bare)
        if not _is_json(text):
            return []
        self._bare.clear()
        return [text]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

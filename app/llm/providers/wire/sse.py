"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from typing import NamedTuple

from app.llm.providers.wire.lines import Lines


class Event(NamedTuple):
    """One event: its name, mostly "", and its data with the lines joined."""

    name: str
    data: str


class Events:
    """Takes the bytes of a stream as they come; gives the events that they complete."""

    def __init__(self, name: str = "The server") -> None:
        """`name` is the server's, for messages."""
        self._lines = Lines(name)
        self._name = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[Event]:
        """The events that end within `data`. Raises BadReply."""
        return self.take(self._lines.feed(data))

    def end(self) -> list[Event]:
        """The last event, where the stream ended without an empty line behind it."""
        return self.take([*self._lines.end(), ""])

    def take(self, lines: list[str]) -> list[Event]:
        """The events that end within lines that were split already; the empty ones count."""
        events = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(Event(self._name, "\n".join(self._data)))
                    self._data = []
                self._name = ""
                continue
            field, _, value = line.partition(":")  # a comment has an empty field
            value = value.removeprefix(" ")
            if field == "data":
                self._data.append(value)
            elif field == "event":
                self._name = value
        return events

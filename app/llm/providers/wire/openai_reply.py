"""Reads the reply to a chat request as it comes: a stream of events, or one JSON object."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from app.errors import BadReply
from app.llm.providers import failures
from app.llm.providers.wire.fields import SHOWN, objects
from app.llm.providers.wire.openai_events import Answer
from app.llm.providers.wire.sse import Events
from app.schema import Chunk

BOM = b"\xef\xbb\xbf"


class Reply:
    """Takes the bytes of a reply; tells its form from them, since content types are often wrong."""

    def __init__(self, name: str, answer: Answer) -> None:
        """`name` is the server's; `answer` makes the chunks."""
        self._name = name
        self._answer = answer
        self._decoder = Events(name)
        self._form = ""  # not known before the first byte that is no space
        self._held: list[bytes] = []  # of a reply whose form is not known, or that is no stream

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that nothing follows."""
        return self._answer.is_complete

    @property
    def can_end(self) -> bool:
        """Whether the answer is whole, even if the server says nothing more."""
        return self._answer.is_complete or self._answer.has_reason

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that `data` completes.

        Raises:
            HearthError: it is an error, a web page, or cannot be read.
        """
        if self._form == "events":
            return self._take(data)
        self._held.append(data)
        if not self._form:
            self._form = _form(b"".join(self._held))
        if self._form == "page":
            raise failures.web_page(self._name)
        return self._take(self._release()) if self._form == "events" else []

    def end(self) -> list[Chunk]:
        """The last chunks.

        Raises:
            StreamCut: the server had not said that the answer is complete.
            HearthError: the reply is an error, or cannot be read.
        """
        chunks: list[Chunk] = []
        if self._form == "object":
            with suppress(ValueError, RecursionError):  # else it was cut
                chunks += self._whole(json.loads(self._release().decode("utf-8-sig", "replace")))
        for event in self._decoder.end():
            with suppress(BadReply):  # the half of an event, where the stream was cut
                chunks += self._answer.feed(event)
        return [*chunks, *self._answer.end()]

    def _take(self, data: bytes) -> list[Chunk]:
        return [chunk for event in self._decoder.feed(data) for chunk in self._answer.feed(event)]

    def _release(self) -> bytes:
        held = b"".join(self._held)
        self._held.clear()
        return held

    def _whole(self, reply: Any) -> list[Chunk]:
        chunks = self._answer.take(reply) if isinstance(reply, dict) else []
        if not isinstance(reply, dict) or not objects(reply.get("choices")):
            raise BadReply(
                f"{self._name} sent something else where Hearth expected an answer.",
                "Check the address in its settings.",
                str(reply)[:SHOWN],
                provider=self._name,
            )
        self._answer.complete()
        return chunks


def _form(head: bytes) -> str:
    """What a reply that begins like this is: events, object, page, or "" where it is open."""
    if BOM.startswith(head):
        return ""
    lead = head.removeprefix(BOM).lstrip()[:1]
    return {b"": "", b"{": "object", b"[": "object", b"<": "page"}.get(lead, "events")

"""Makes the usage of an answer: the server's own figures first, our clock for the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence

from app.schema import Message, Request, TokenCount, Usage

BYTES_PER_TOKEN = 4  # of English text, about; other languages have fewer
MESSAGE_TOKENS = 5  # what a template puts around a message, about
ESTIMATE = "an estimate: a token for four bytes"


class Meter:
    """Watches a stream; one for each answer. Times are seconds of time.monotonic."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first = 0.0
        self._last = 0.0
        self._pieces = 0
        self.prompt_tokens: int | None = None
        self.cached_tokens = 0
        self.generated_tokens: int | None = None
        self.prompt_seconds: float | None = None
        self.generation_seconds: float | None = None

    def piece(self) -> None:
        """A piece of the answer has come."""
        self._last = time.monotonic()
        self._first = self._first or self._last
        self._pieces += 1

    def usage(self, request: Request) -> Usage:
        """The figures so far."""
        first = (self._first or time.monotonic()) - self._began
        clocked = self._last - self._first
        given = self.prompt_tokens is not None and self.generated_tokens is not None
        timed = self.generation_seconds is not None
        return Usage(
            prompt_tokens=(
                estimate(request).tokens if self.prompt_tokens is None else self.prompt_tokens
            ),
            cached_tokens=self.cached_tokens,
            generated_tokens=(
                self._pieces if self.generated_tokens is None else self.generated_tokens
            ),
            prompt_seconds=first if self.prompt_seconds is None else self.prompt_seconds,
            first_token_seconds=first,
            generation_seconds=clocked
            if self.generation_seconds is None
            else self.generation_seconds,
            is_estimate=not (given and timed),
        )


def estimate(request: Request) -> TokenCount:
    """About how many tokens a prompt has, where nobody can count them."""
    if request.raw is not None:
        size = len(request.raw.encode())
        return TokenCount(-(-size // BYTES_PER_TOKEN), ESTIMATE)
    size = sum(len(message.text.encode()) for message in request.messages)
    around = MESSAGE_TOKENS * len(request.messages)
    return TokenCount(-(-size // BYTES_PER_TOKEN) + around, ESTIMATE)


def plain_text(messages: Sequence[Message]) -> str:
    """The messages' text alone, for servers that count a text and know no chat."""
    return "\n".join(message.text for message in messages)

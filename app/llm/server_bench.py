"""Measures how fast a server's model reads a prompt and writes an answer.

It is asked as in a chat, and what the server tells of its own times counts. A prompt is asked for
one token of an answer, and an answer for a short prompt: so each is measured by itself, as
llama.cpp's benchmark does.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.errors import ApiError, BadReply, GenerationError, ModelMissing, Unsupported
from app.llm.server_prompts import NewPrompts, Yardstick, text_of
from app.llm.trials import Runs, Test
from app.schema import Message, Request, Role, Sampling, Usage

if TYPE_CHECKING:
    from app.llm.manager import LLMManager
    from app.llm.providers.interface import Provider
    from app.schema import ModelRef

FIRST_WORDS, FIRST_TOKENS = 8, 8  # of the request that loads the model
COUNTS = 6  # how often a server is asked to count until a prompt has the wanted length
LOOKS = 3  # prompts that are read to find their length, where a server does not count before
NEAR = 0.02  # the part of a length by which a prompt may miss it
NO_RAW = (ApiError, BadReply, ModelMissing, Unsupported)  # of a server that has chats alone


@dataclass(frozen=True, slots=True)
class Report:
    """The runs of one test so far."""

    asked: Test
    test: Test  # with the tokens that it came to
    runs: Runs  # of so many tokens; a run that had others counts with its own rate
    is_estimate: bool = False  # timed here, because the server does not tell
    left: int = 0  # runs that are still to come


@dataclass(frozen=True, slots=True)
class _Sample:
    """One run: its tokens, and tokens per second."""

    tokens: int
    rate: float
    is_estimate: bool


async def bench(
    manager: LLMManager, ref: ModelRef, tests: Sequence[Test]
) -> AsyncGenerator[Report, None]:
    """Each test's runs so far, after each run, on a model that a server has.

    Raises:
        HearthError: the server does not answer, has no such model, or tells nothing to reckon with.
    """
    with manager.occupied():
        await manager.load(ref)
        asking = _Asking(await manager.registry.get(ref.provider), ref.model)
        await asking.warm_up()
        for test in tests:
            samples: list[_Sample] = []
            if test.is_prompt:
                await asking.find_length(test.tokens)
            for left in reversed(range(test.runs)):
                sample = await (asking.read if test.is_prompt else asking.write)(test.tokens)
                if sample is not None:
                    samples.append(sample)
                if samples:
                    yield _report(test, samples, left)
            if not samples:
                raise GenerationError(
                    f"{asking.title} gave nothing to measure for {test.name}.",
                    "The answer ended at once, or came in one piece: try another model there.",
                )


def _report(test: Test, samples: Sequence[_Sample], left: int) -> Report:
    tokens = statistics.median_low(one.tokens for one in samples)
    runs = Runs(tokens, tuple(tokens / one.rate for one in samples))
    is_estimate = any(one.is_estimate for one in samples)
    return Report(test, replace(test, tokens=tokens), runs, is_estimate, left)


class _Asking:
    """One model of one server."""

    def __init__(self, provider: Provider, model: str) -> None:
        self._provider = provider
        self._model = model
        self._prompts = NewPrompts(random.Random())  # noqa: S311 - no secret
        self._yardstick = Yardstick()
        self._is_raw = True

    @property
    def title(self) -> str:
        """The server's name."""
        return self._provider.title

    async def warm_up(self) -> None:
        """Has the model loaded, and finds out whether it continues a text without a template."""
        words = self._prompts.words(FIRST_WORDS)
        try:
            usage = await self._ask(text_of(words), FIRST_TOKENS)
        except NO_RAW:
            self._is_raw = False
            usage = await self._ask(text_of(words), FIRST_TOKENS)
        self._yardstick.add(len(words), usage.prompt_tokens)

    async def find_length(self, tokens: int) -> None:
        """Learns how many words make a prompt of that length; the prompts are a warm-up as well."""
        for _ in range(LOOKS):
            words, counted = await self._prompt(tokens)
            usage = await self._ask(text_of(words), 1)
            self._yardstick.add(len(words), usage.prompt_tokens)
            if counted is not None or abs(usage.prompt_tokens - tokens) <= tokens * NEAR:
                return

    async def read(self, tokens: int) -> _Sample | None:
        """A prompt of about so many tokens; None where no rate comes out."""
        words, counted = await self._prompt(tokens)
        usage = await self._ask(text_of(words), 1)
        # The meter puts the time to the first token where a server does not tell its own.
        is_told = 0 < usage.prompt_seconds != usage.first_token_seconds
        seconds = usage.prompt_seconds if is_told else usage.first_token_seconds
        counts_itself = counted is None or is_told or not usage.is_estimate
        whole = usage.prompt_tokens if counts_itself else counted or 0
        processed = whole - usage.cached_tokens
        if processed < 1 or seconds <= 0:
            return None
        return _Sample(processed, processed / seconds, not is_told)

    async def write(self, tokens: int) -> _Sample | None:
        """An answer of so many tokens, unless the model ends it before."""
        text = self._prompts.opening() if self._is_raw else self._prompts.task()
        usage = await self._ask(text, tokens)
        rate = usage.tokens_per_second  # servers take the time from the first token on
        return None if rate is None else _Sample(usage.generated_tokens, rate, usage.is_estimate)

    async def _prompt(self, tokens: int) -> tuple[list[str], int | None]:
        """Words for so many tokens, and how many the server counts; None where it cannot."""
        words = self._prompts.words(self._yardstick.words(tokens))
        for look in range(1, COUNTS + 1):
            request = self._request(text_of(words), 1)
            count = await self._provider.count_tokens(self._model, request)
            if count.method:  # an estimate
                break
            missing = tokens - count.tokens
            if not missing or look == COUNTS:
                return words, count.tokens
            self._yardstick.add(len(words), count.tokens)
            change = round(missing / self._yardstick.per_word) or (1 if missing > 0 else -1)
            words = self._prompts.changed(words, change)
        return words, None

    async def _ask(self, text: str, limit: int) -> Usage:
        """What an answer of at most so many tokens took. Raises HearthError."""
        usage: Usage | None = None
        stream = self._provider.stream(self._model, self._request(text, limit))
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                usage = chunk.finish.usage if chunk.finish is not None else usage
        if usage is None:
            raise GenerationError(f"{self.title} did not end its answer.", "Try again.")
        return usage

    def _request(self, text: str, limit: int) -> Request:
        sampling = Sampling(temperature=0.0, max_tokens=limit)
        if self._is_raw:
            return Request(raw=text, sampling=sampling)
        return Request((Message(Role.USER, text),), sampling=sampling)

"""Answers of models that transformers runs: streamed, measured, stopped."""

import asyncio
import threading
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import (
    ContextOverflow,
    GenerationError,
    NoModel,
    OutOfMemory,
)
from app.llm.providers.transformers_local import TransformersProvider
from app.schema import (
    Chunk,
    FinishReason,
    Message,
    Request,
    Role,
    Sampling,
)
from tests.adapters.asking import QUESTION, ask, until
from tests.transformers import models
from tests.transformers.asking import (
    CHAT,
    PATIENCE,
    network,
    request,
    spoken,
)
from tests.transformers.conftest import BYTES, REPLY, WORDS, Offer


async def test_characters_are_whole_and_tokens_come_one_by_one(
    bird: TransformersProvider, parrot: str
) -> None:
    said = await ask(bird, model=parrot)
    assert said.text == REPLY
    pieces = [chunk for chunk in said.chunks if chunk.tokens]
    assert [chunk.tokens for chunk in pieces] == [1] * len((*WORDS, *BYTES))
    assert [chunk.text for chunk in pieces] == [
        *("A", " hearth", " "),
        *("", "", "—"),
        *("", "é"),
        *("", "", "", "🦜"),
        "!",
    ]
    assert said.finish.reason is FinishReason.STOP
    assert said.reasoning == ""
    assert not any(chunk.waiting or chunk.notice for chunk in said.chunks)


async def test_the_figures_are_counted_and_not_guessed(
    bird: TransformersProvider, parrot: str
) -> None:
    asked = Request(CHAT)
    usage = (await ask(bird, asked, parrot)).finish.usage
    counted = await bird.count_tokens(parrot, asked)
    assert usage.prompt_tokens == counted.tokens
    assert not counted.method
    assert usage.generated_tokens == len((*WORDS, *BYTES))
    assert usage.cached_tokens == 0
    assert not usage.is_estimate
    assert 0 < usage.prompt_seconds <= usage.first_token_seconds
    assert usage.generation_seconds > 0
    assert usage.tokens_per_second


async def test_it_streams_while_it_generates_and_stops_within_a_token(
    offer: Offer, endless: str
) -> None:
    async with offer() as provider:
        await provider.open(endless)
        steps, _ = spoken(provider)
        async with aclosing(provider.stream(endless, QUESTION)) as chunks:
            told = 0
            async for chunk in chunks:
                told += chunk.tokens
                if told >= 5:
                    break
            assert len(steps) < 1000, "the first pieces come before the end"
        done = len(steps)
        said = await ask(provider, request(Sampling(max_tokens=3)), endless)
        assert said.text == "word0 word1 word2 "
        assert len(steps) == done + 3, "nothing of the first answer goes on"


async def test_stopping_ends_with_the_token_that_is_made(offer: Offer, endless: str) -> None:
    async with offer() as provider:
        await provider.open(endless)
        at_ten, go_on, steps = threading.Event(), threading.Event(), list[int]()

        def hold(*_: Any) -> None:
            steps.append(1)
            if len(steps) == 10:
                at_ten.set()
                assert go_on.wait(PATIENCE)

        network(provider).register_forward_hook(hold)
        task = asyncio.create_task(ask(provider, QUESTION, endless))
        await asyncio.to_thread(at_ten.wait, PATIENCE)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done(), "it returns when the model has let go"
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(steps) == 10


async def test_a_long_prompt_can_be_stopped_between_two_layers(offer: Offer, folder: Path) -> None:
    deep = str(models.random_llama(folder / "deep", num_hidden_layers=6))
    async with offer() as provider:
        await provider.open(deep)
        entered, go_on, layers = threading.Event(), threading.Event(), list[int]()

        def hold(*_: Any) -> None:
            entered.set()
            assert go_on.wait(PATIENCE)

        for number, layer in enumerate(network(provider).model.layers):
            layer.register_forward_hook(lambda *_, number=number: layers.append(number))
        network(provider).model.layers[1].register_forward_pre_hook(hold)
        task = asyncio.create_task(ask(provider, QUESTION, deep))
        await asyncio.to_thread(entered.wait, PATIENCE)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert layers == [0, 1]


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        (("hearth",), "A "),
        (("th —",), "A hear"),
        (("—é",), "A hearth "),
        (("🦜", "é"), "A hearth —"),
        (("!", "?"), REPLY[:-1]),
        (("nowhere",), REPLY),
        (("!!", ""), REPLY),
    ],
)
async def test_stop_strings_end_the_answer_before_them(
    bird: TransformersProvider, parrot: str, stop: tuple[str, ...], text: str
) -> None:
    steps, _ = spoken(bird)
    said = await ask(bird, request(Sampling(stop=stop)), parrot)
    assert said.text == text
    assert said.finish.reason is FinishReason.STOP
    generated = said.finish.usage.generated_tokens
    assert len(steps) == generated + (text == REPLY), "none is made after it"


async def test_limits_end_the_answer(offer: Offer, endless: str, folder: Path) -> None:
    small = str(
        models.parrot(
            folder / "small", [b"word%d " % number for number in range(40)], loop=True, context=64
        )
    )
    async with offer() as provider:
        limited = await ask(provider, request(Sampling(max_tokens=7)), endless)
        assert limited.finish.reason is FinishReason.LENGTH
        assert limited.finish.usage.generated_tokens == 7
        full = await ask(provider, QUESTION, small)
        assert full.finish.reason is FinishReason.CONTEXT
        usage = full.finish.usage
        assert usage.prompt_tokens + usage.generated_tokens == 64
        also = await ask(provider, request(Sampling(max_tokens=1000)), small)
        assert also.finish.reason is FinishReason.CONTEXT


async def test_a_prompt_that_does_not_fit_is_refused(
    bird: TransformersProvider, parrot: str
) -> None:
    long = request(messages=(Message(Role.USER, "é" * 200),))
    with pytest.raises(ContextOverflow) as caught:
        await ask(bird, long, parrot)
    assert caught.value.prompt_tokens == (await bird.count_tokens(parrot, long)).tokens
    assert caught.value.context == 256
    assert (await ask(bird, model=parrot)).text == REPLY


async def test_others_wait_for_their_turn(offer: Offer, endless: str) -> None:
    async with offer() as provider:
        await provider.open(endless)
        async with aclosing(provider.stream(endless, QUESTION)) as first:
            assert (await anext(first)).text == "word0 "
            second = asyncio.create_task(ask(provider, request(Sampling(max_tokens=2)), endless))
            await until(lambda: provider._thread.waiting == 2)
            given_up = asyncio.create_task(ask(provider, QUESTION, endless))
            await until(lambda: provider._thread.waiting == 3)
            given_up.cancel()
            await asyncio.wait([given_up])
            assert not second.done()
        said = await second
        assert said.chunks[0] == Chunk(waiting=1)
        assert said.text == "word0 word1 "


async def test_closing_the_provider_ends_what_runs(offer: Offer, endless: str) -> None:
    async with offer() as provider:
        began = asyncio.Event()

        async def consume() -> None:
            async with aclosing(provider.stream(endless, QUESTION)) as chunks:
                async for _ in chunks:
                    began.set()

        task = asyncio.create_task(consume())
        await began.wait()
        await provider.aclose()
        with pytest.raises(NoModel, match="closed in the middle"):
            await task
        assert provider.loaded is None
        with pytest.raises(NoModel):
            await ask(provider, QUESTION, endless)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), OutOfMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 4"), OutOfMemory),
        (MemoryError(), OutOfMemory),
        (RuntimeError("shapes cannot be multiplied"), GenerationError),
    ],
    ids=["cuda", "cpu", "python", "other"],
)
async def test_a_failure_in_the_middle_is_told_and_passes(
    bird: TransformersProvider, parrot: str, raised: Exception, kind: type[Exception]
) -> None:
    steps = 0

    def fail(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise raised

    network(bird).register_forward_pre_hook(fail)
    async with aclosing(bird.stream(parrot, QUESTION)) as stream:
        assert [(await anext(stream)).text for _ in range(2)] == ["A", " hearth"]
        with pytest.raises(kind) as caught:
            await anext(stream)
    assert repr(raised) == caught.value.details  # type: ignore[attr-defined]
    assert (await ask(bird, model=parrot)).text == REPLY

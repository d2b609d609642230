"""Speeds measured by llama.cpp itself, beside a chat that stays as it is."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from app import paths
from app.errors import ModelTooLarge, NoModel
from app.llm import trials
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama import log
from app.llm.runner.llama.engine import Engine
from app.llm.runner.queued import QueuedRunner, create_engine
from app.llm.runner.worker import Worker
from app.schema import Chunk, Finish, LoadPlan, LoadProgress, Message, Request, Role, Sampling
from tests.adapters.conftest import plan_for

STARTER = paths.resources() / "models" / "starter.gguf"  # its heads are wide enough for blocks
PROMPT, ANSWER = trials.Test(40, is_prompt=True, runs=3), trials.Test(8, is_prompt=False, runs=2)
DEEP = replace(ANSWER, depth=64)
ENDLESS = trials.Test(4096, is_prompt=True, runs=10_000)
HUGE = trials.Test(1 << 23, is_prompt=True)  # 256 GiB of KV cache for the slow model, in f32


def chat(*texts: str, tokens: int = 40) -> Request:
    roles = (Role.USER, Role.ASSISTANT)
    turns = [Message(roles[at % 2], text) for at, text in enumerate(texts)]
    return Request(messages=tuple(turns), sampling=Sampling(temperature=0, max_tokens=tokens))


def collect(chunks: Iterator[Chunk]) -> tuple[str, Finish]:
    heard = [*chunks]
    assert heard[-1].finish is not None
    return "".join(chunk.text for chunk in heard), heard[-1].finish


def alone(path: Path, **changes: object) -> LoadPlan:
    """A plan with one thread: several wait for each other by spinning, for long on busy cores."""
    return plan_for(path, **{"n_threads": 1, "n_threads_batch": 1, **changes})


def load(engine: Engine, path: Path, **changes: object) -> LoadPlan:
    plan = alone(path, **changes)
    engine.load(plan, lambda _fraction: None)
    return plan


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What llama.cpp says."""
    caplog.set_level(logging.DEBUG, logger=log.__name__)
    return caplog


@pytest.mark.parametrize("test", [PROMPT, ANSWER, DEEP], ids=lambda test: test.name)
def test_each_run_has_its_seconds(engine: Engine, any_model: Path, test: trials.Test) -> None:
    plan = load(engine, any_model)
    seconds = [*engine.bench(plan, test)]
    assert len(seconds) == test.runs
    assert all(0 < one < 60 for one in seconds)


def test_without_a_model_nothing_is_measured(engine: Engine, tiny: Path) -> None:
    with pytest.raises(NoModel):
        next(engine.bench(plan_for(tiny), PROMPT))


def test_the_context_is_as_large_as_the_test_needs_and_as_the_plan_has_it(
    engine: Engine, lines: pytest.LogCaptureFixture
) -> None:
    plan = load(engine, STARTER, n_ctx=512)
    lines.clear()
    other = replace(plan, n_ubatch=32, type_k="q8_0", type_v="q8_0")
    assert len([*engine.bench(other, trials.Test(1000, is_prompt=True))]) == 1
    assert "K (q8_0)" in lines.text
    assert re.search(r"n_ubatch += 32\b", lines.text)
    assert re.search(r"n_ctx += 1024\b", lines.text), "beyond that of the chat, rounded up"
    lines.clear()
    assert [*engine.bench(replace(plan, flash_attention=False), DEEP)]
    assert re.search(r"flash_attn += disabled", lines.text)
    assert "load_tensors" not in lines.text, "the weights stay where they are"


def test_the_chat_stays_in_its_cache(engine: Engine, parrot: Path) -> None:
    plan = load(engine, parrot)
    first, finish = collect(engine.generate(chat("hello")))
    before = finish.usage.prompt_tokens + finish.usage.generated_tokens
    for other in (plan, replace(plan, n_threads=2, flash_attention=False)):
        assert [*engine.bench(other, PROMPT), *engine.bench(other, DEEP)]
    again, second = collect(engine.generate(chat("hello", first, "more")))
    assert second.usage.cached_tokens >= before - 1
    load(engine, parrot)
    assert again == collect(engine.generate(chat("hello", first, "more")))[0]


def test_a_context_without_room_is_refused_and_the_model_stays(engine: Engine, slow: Path) -> None:
    plan = load(engine, slow)
    with pytest.raises(ModelTooLarge) as caught:
        next(engine.bench(replace(plan, type_k="f32", type_v="f32"), HUGE))
    assert caught.value.remedy
    assert collect(engine.generate(chat("hello", tokens=3)))[1].usage.generated_tokens == 3


def test_the_abort_flag_ends_a_measurement(engine: Engine, abort: AbortFlag, slow: Path) -> None:
    plan = load(engine, slow)
    threading.Timer(0.2, abort.set).start()
    assert len([*engine.bench(plan, ENDLESS)]) < ENDLESS.runs
    assert [*engine.bench(plan, PROMPT)] == [], "until it is cleared"
    abort.clear()
    assert len([*engine.bench(plan, PROMPT)]) == PROMPT.runs


# On the runner's thread


@pytest.fixture
def runner() -> Iterator[QueuedRunner]:
    worker = Worker(create_engine)
    thread = threading.Thread(target=worker.run, name="runner")
    thread.start()
    yield QueuedRunner(worker)
    worker.stop()
    thread.join()


def ignore(_progress: LoadProgress) -> None:
    pass


async def answer(runner: QueuedRunner, request: Request) -> tuple[str, Finish]:
    async with aclosing(runner.generate(request)) as stream:
        return collect(iter([chunk async for chunk in stream]))


async def test_the_runner_gives_each_run_as_it_ends(runner: QueuedRunner, tiny: Path) -> None:
    plan = alone(tiny)
    await runner.load(plan, ignore)
    async with aclosing(runner.bench(plan, PROMPT)) as runs:
        assert len([one async for one in runs]) == PROMPT.runs
    await runner.unload()
    with pytest.raises(NoModel):
        await anext(runner.bench(plan, PROMPT))


async def test_closing_a_measurement_ends_it_and_the_chat_goes_on_where_it_was(
    runner: QueuedRunner, parrot: Path
) -> None:
    plan = alone(parrot)
    await runner.load(plan, ignore)
    first, finish = await answer(runner, chat("hello"))
    before = finish.usage.prompt_tokens + finish.usage.generated_tokens
    async with aclosing(runner.bench(plan, replace(ENDLESS, tokens=64))) as runs:
        async for seconds in runs:
            assert seconds > 0
            break
    _, second = await answer(runner, chat("hello", first, "more"))
    assert second.usage.cached_tokens >= before - 1


async def test_cancelling_the_task_ends_a_measurement_in_the_middle_of_a_prompt(
    runner: QueuedRunner, slow: Path
) -> None:
    plan = alone(slow)
    await runner.load(plan, ignore)

    async def measured() -> list[float]:
        async with aclosing(runner.bench(plan, ENDLESS)) as runs:
            return [one async for one in runs]

    task = asyncio.ensure_future(measured())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await answer(runner, chat("hello", tokens=2)))[1].usage.generated_tokens == 2


async def test_a_chat_waits_for_a_measurement_and_then_answers(
    runner: QueuedRunner, tiny: Path
) -> None:
    plan = alone(tiny)
    await runner.load(plan, ignore)
    runs = runner.bench(plan, replace(PROMPT, runs=20))
    await anext(runs)
    asked = asyncio.ensure_future(answer(runner, chat("hello", tokens=2)))
    rest = [one async for one in runs]
    assert len(rest) == 19
    assert (await asked)[1].usage.generated_tokens == 2


async def test_a_context_without_room_is_refused_through_the_queue(
    runner: QueuedRunner, slow: Path
) -> None:
    plan = alone(slow)
    await runner.load(plan, ignore)
    with pytest.raises(ModelTooLarge):
        await anext(runner.bench(replace(plan, type_k="f32", type_v="f32"), HUGE))
    assert (await answer(runner, chat("hello", tokens=2)))[1].usage.generated_tokens == 2

"""Generation, prompts and second turns: through Hearth's provider, and by `llama_cpp.Llama` alone.

Both hold the model at the same time, with the same threads, context, batch and kernels, and take
turns, so that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp
import llama_cpp.llama_cpp as bindings

from app import core as cores
from app import gguf
from app.llm.optimizer.machine import reading
from app.llm.optimizer.planning import plan
from app.llm.runner.preflight import Preflight
from app.schema import Chunk, Message, ModelRef, Request, Role, Sampling
from tests.bench.effort import ROUNDS
from tests.bench.result import Result, median
from tests.fakes import running

GENERATED, PROMPT, FIRST_TURN = 64, 512, 1024  # tokens
HUGE = 40 << 30  # bytes
GREEDY = Sampling(temperature=0, max_tokens=GENERATED)


@dataclass
class _Samples:
    """Tokens per second, of Hearth and of llama_cpp.Llama."""

    hearth: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)


async def measure(model: Path) -> list[Result]:
    """All results on this model."""
    with tempfile.TemporaryDirectory() as home:
        async with running.core(Path(home)) as core:
            await core.manager.load(ModelRef("local", str(model)))
            with _alone(model, core.paths.preflight) as llama:
                results = await _side_by_side(core, llama)
            return [*results, await _second_turn(core), *await _stops(core), _header(model)]


@contextmanager
def _alone(model: Path, preflight: Path) -> Iterator[llama_cpp.Llama]:
    """llama_cpp.Llama with the settings that Hearth chose.

    Its weights are repacked for AMX only where Hearth's trial run found that this machine can.
    """
    wanted = plan(reading.read(), gguf.read(model))
    extra_buffers = Preflight(preflight)._read().get("extra_buffers", True)
    defaults = bindings.llama_model_default_params

    def parameters() -> bindings.llama_model_params:
        made: bindings.llama_model_params = defaults()
        made.use_extra_bufts = extra_buffers
        return made

    bindings.llama_model_default_params = parameters
    try:
        llama = llama_cpp.Llama(
            str(model),
            n_ctx=wanted.n_ctx,
            n_threads=wanted.n_threads,
            n_threads_batch=wanted.n_threads_batch,
            n_batch=wanted.n_batch,
            n_ubatch=wanted.n_ubatch,
            n_gpu_layers=wanted.n_gpu_layers,
            flash_attn=wanted.flash_attention,
            use_mmap=wanted.use_mmap,
            verbose=False,
        )
    finally:
        bindings.llama_model_default_params = defaults
    yield llama
    llama.close()
    gc.collect()


async def _side_by_side(core: cores.Core, llama: llama_cpp.Llama) -> list[Result]:
    generation, prompt = _Samples(), _Samples()
    source = random.Random(1)
    for number in range(ROUNDS + 1):
        text = await _text_of(core, PROMPT, source)
        speeds = (
            (generation.hearth, await _generate(core, text[:64])),
            (generation.alone, _generate_alone(llama, text[:64])),
            (prompt.hearth, await _read(core, text)),
            (prompt.alone, _read_alone(llama, text)),
        )
        if number:  # the first round warms up
            for samples, speed in speeds:
                samples.append(speed)
    return [
        _compared("generation", generation),
        _compared(f"prompt of {PROMPT} tokens", prompt),
    ]


def _compared(name: str, samples: _Samples) -> Result:
    hearth, alone = median(samples.hearth), median(samples.alone)
    return Result(
        name,
        hearth,
        "tokens/s",
        alone,
        "llama_cpp.Llama",
        "0.97 or more, 0.95 accepted",
        hearth / alone >= 0.95,
        tuple(samples.hearth),
    )


async def _text_of(core: cores.Core, tokens: int, source: random.Random) -> str:
    """Random words that have about so many tokens, none of them a stop."""
    words = " ".join(f"{source.randrange(16**6):06x}" for _ in range(tokens))
    count = (await core.manager.count_tokens(Request(raw=words))).tokens
    return words[: len(words) * tokens // count]


async def _generate(core: cores.Core, text: str) -> float:
    arrived: list[tuple[float, int]] = []
    finish = None
    async with aclosing(core.manager.stream(Request(raw=text, sampling=GREEDY))) as chunks:
        async for chunk in chunks:
            arrived += [(time.perf_counter(), chunk.tokens)] if chunk.tokens else []
            finish = chunk.finish or finish
    if len(arrived) < 2:  # all of it came at once: a tiny model, or one that said nothing
        return (finish.usage.tokens_per_second if finish else None) or 0.0
    return sum(count for _, count in arrived[1:]) / (arrived[-1][0] - arrived[0][0])


def _generate_alone(llama: llama_cpp.Llama, text: str) -> float:
    """Counts tokens and not pieces of text: a piece may wait for the rest of a character."""
    times: list[float] = []
    tokens = llama.tokenize(text.encode(), add_bos=False, special=True)
    for _ in llama.generate(tokens, temp=0.0):
        times.append(time.perf_counter())
        if len(times) == GENERATED:
            break
    return (len(times) - 1) / (times[-1] - times[0])


async def _read(core: cores.Core, text: str) -> float:
    """From the request to the first token; the prompt shares nothing with the one before."""
    request = Request(raw=text, sampling=Sampling(temperature=0, max_tokens=1))
    tokens = (await core.manager.count_tokens(request)).tokens
    began = time.perf_counter()
    async with aclosing(core.manager.stream(request)) as chunks:
        async for chunk in chunks:
            if chunk.tokens:
                break
    return tokens / (time.perf_counter() - began)


def _read_alone(llama: llama_cpp.Llama, text: str) -> float:
    began = time.perf_counter()
    tokens = llama.tokenize(text.encode(), add_bos=False, special=True)
    llama.reset()
    next(iter(llama.generate(tokens, temp=0.0)))
    return len(tokens) / (time.perf_counter() - began)


async def _second_turn(core: cores.Core) -> Result:
    """The time to the first token of a second turn against that of the first."""
    firsts, seconds = [], []
    source = random.Random(2)
    for _ in range(3):
        question = Message(Role.USER, await _text_of(core, FIRST_TURN, source))
        answer, first = await _answer(core, (question,))
        again = (question, Message(Role.ASSISTANT, answer), Message(Role.USER, "And then?"))
        _, second = await _answer(core, again)
        firsts.append(first)
        seconds.append(second)
    return Result(
        f"first token of a second turn ({FIRST_TURN} tokens before it)",
        median(seconds),
        "s",
        median(firsts),
        "the first turn",
        "below 0.25",
        median(seconds) / median(firsts) < 0.25,
        tuple(seconds),
    )


async def _answer(core: cores.Core, messages: tuple[Message, ...]) -> tuple[str, float]:
    request = Request(messages=messages, sampling=Sampling(temperature=0, max_tokens=16))
    text, first = "", 0.0
    began = time.perf_counter()
    async with aclosing(core.manager.stream(request)) as chunks:
        async for chunk in chunks:
            if chunk.tokens and not first:
                first = time.perf_counter() - began
            text += chunk.text
    return text, first


async def _stops(core: cores.Core) -> list[Result]:
    """From the wish to stop until the engine has stopped: in a long prompt, and in an answer."""
    source = random.Random(3)
    samples: dict[str, list[float]] = {"the middle of a prompt": [], "the middle of an answer": []}
    for _ in range(ROUNDS):
        request = Request(raw=await _text_of(core, 2 * FIRST_TURN, source))
        samples["the middle of a prompt"].append(
            await _stop(core, request, lambda chunk: bool(chunk.progress and chunk.progress.done))
        )
        request = Request(raw=await _text_of(core, 16, source))
        samples["the middle of an answer"].append(
            await _stop(core, request, lambda chunk: chunk.tokens > 0)
        )
    return [
        Result(
            f"stop in {where}, the slowest of {ROUNDS}",
            max(times) * 1000,
            "ms",
            goal="below 300",
            reached=max(times) < 0.3,
            samples=tuple(times),
        )
        for where, times in samples.items()
    ]


async def _stop(core: cores.Core, request: Request, is_there: Callable[[Chunk], bool]) -> float:
    stream = core.manager.stream(request)
    async for chunk in stream:
        if is_there(chunk):
            break
    await asyncio.sleep(0.05)  # somewhere inside the next computation
    began = time.perf_counter()
    await stream.aclose()
    return time.perf_counter() - began


def _header(model: Path) -> Result:
    """The time to read the header of a model that is as large as they come: 40 GB, sparse."""
    header = gguf.read(model)
    with tempfile.TemporaryDirectory() as folder:
        huge = Path(folder) / "huge.gguf"
        with model.open("rb") as source, huge.open("wb") as target:
            target.write(source.read(header.data_offset))
            target.truncate(HUGE)
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            gguf.read(huge)
            times.append(time.perf_counter() - began)
    vocabulary = header.metadata["tokenizer.ggml.tokens"]
    words = len(vocabulary) if isinstance(vocabulary, tuple) else getattr(vocabulary, "length", 0)
    return Result(
        f"header of a file of 40 GB with a vocabulary of {words:,} tokens",
        median(times) * 1000,
        "ms",
        goal="milliseconds",
        reached=median(times) < 0.1,
        samples=tuple(times),
    )

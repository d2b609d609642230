"""llama.cpp itself: greedy equality, UTF-8, limits, the KV prefix, aborts, memory."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.errors import ContextOverflow, GenerationError, ModelError, NoModel
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama.engine import Engine
from app.llm.runner.llama.model import LoadCancelled
from app.schema import Chunk, Finish, FinishReason, Message, Request, Role, Sampling
from tests.adapters.conftest import llama_alone, plan_for
from tests.conftest import PARROT_REPLY, STORIES

GREEDY = Sampling(temperature=0)


def chat(*texts: str, sampling: Sampling = GREEDY) -> Request:
    roles = (Role.USER, Role.ASSISTANT)
    turns = [Message(roles[index % 2], text) for index, text in enumerate(texts)]
    return Request(messages=tuple(turns), sampling=sampling)


def collect(chunks: Iterator[Chunk]) -> tuple[str, Finish]:
    text, finish = "", None
    for chunk in chunks:
        text += chunk.text
        finish = chunk.finish or finish
    assert finish is not None
    return text, finish


def load(engine: Engine, path: Path, **changes: object) -> list[float]:
    fractions: list[float] = []
    engine.load(plan_for(path, **changes), fractions.append)
    return fractions


@pytest.mark.parametrize("prompt", ["Once upon a time", "x", "Der Bär aß süße 🍯 und", "\n\n  a"])
def test_greedy_raw_text_is_what_llama_gives_alone(
    engine: Engine, any_model: Path, prompt: str
) -> None:
    plan = plan_for(any_model)
    load(engine, any_model)
    ours, finish = collect(engine.generate(Request(raw=prompt, sampling=GREEDY)))
    # The same arithmetic: on random weights, other kernels tip the scales between near ties.
    theirs = llama_alone(
        any_model,
        prompt,
        n_ctx=512,
        flash_attn=True,
        n_threads=plan.n_threads,
        n_threads_batch=plan.n_threads_batch,
    )
    assert ours == theirs["text"]
    assert finish.usage.prompt_tokens == theirs["prompt_tokens"]
    assert finish.usage.generated_tokens == theirs["completion_tokens"]


@pytest.mark.skipif(not STORIES.exists(), reason=f"{STORIES} is not here")
def test_greedy_text_of_the_trained_model_is_what_llama_gives_with_its_defaults(
    engine: Engine,
) -> None:
    load(engine, STORIES)
    ours, _ = collect(engine.generate(Request(raw="Once upon a time", sampling=GREEDY)))
    assert ours == llama_alone(STORIES, "Once upon a time")["text"]


def test_loading_reports_real_progress(engine: Engine, any_model: Path) -> None:
    fractions = load(engine, any_model)
    assert len(fractions) > 5
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_load_can_be_cancelled_at_any_step(engine: Engine, abort: AbortFlag, tiny: Path) -> None:
    steps = len(load(engine, tiny))
    for wanted in (0, steps // 2, steps - 1):
        seen = 0

        def stop_there(_fraction: float, wanted: int = wanted) -> None:
            nonlocal seen
            if seen == wanted:
                abort.set()
            seen += 1

        abort.clear()
        with pytest.raises(LoadCancelled):
            engine.load(plan_for(tiny), stop_there)
    abort.clear()
    load(engine, tiny)
    assert engine.context_size == 512


def test_characters_that_are_split_over_tokens_arrive_whole(engine: Engine, parrot: Path) -> None:
    load(engine, parrot)
    text, finish = collect(engine.generate(chat("hello")))
    assert text == PARROT_REPLY
    assert finish.reason is FinishReason.STOP
    assert finish.usage.generated_tokens > text.count(" ")


def test_the_second_turn_processes_only_what_is_new(engine: Engine, parrot: Path) -> None:
    load(engine, parrot)
    first, finish = collect(engine.generate(chat("hello")))
    before = finish.usage.prompt_tokens + finish.usage.generated_tokens
    _, second = collect(engine.generate(chat("hello", first, "more")))
    # All but the last token of the answer, which ended the turn, is in the cache already.
    assert second.usage.cached_tokens >= before - 1
    assert second.usage.prompt_tokens - second.usage.cached_tokens < 40


def test_the_cache_never_changes_an_answer(engine: Engine, tiny: Path) -> None:
    load(engine, tiny)
    limited = Sampling(temperature=0, max_tokens=24)
    questions = [chat(text, sampling=limited) for text in ("one", "two", "one two", "one", "on")]
    warm = [collect(engine.generate(question))[0] for question in questions]
    for question, answer in zip(questions, warm, strict=True):
        load(engine, tiny)
        assert collect(engine.generate(question))[0] == answer


def test_a_seed_repeats_an_answer(engine: Engine, tiny: Path) -> None:
    load(engine, tiny)
    asked = chat("hello", sampling=Sampling(seed=7, max_tokens=30))
    other = chat("hello", sampling=Sampling(seed=8, max_tokens=30))
    answers = [collect(engine.generate(request))[0] for request in (asked, other, asked)]
    assert answers[0] == answers[2] != answers[1]


def test_limits_end_an_answer_and_say_which(engine: Engine, tiny: Path) -> None:
    load(engine, tiny)
    _, finish = collect(engine.generate(chat("hi", sampling=Sampling(max_tokens=5, seed=1))))
    assert (finish.reason, finish.usage.generated_tokens) == (FinishReason.LENGTH, 5)
    _, finish = collect(engine.generate(Request(raw="a" * 500, sampling=GREEDY)))
    assert finish.reason is FinishReason.CONTEXT
    assert finish.usage.prompt_tokens + finish.usage.generated_tokens == 512


def test_stop_strings_end_an_answer_and_are_not_shown(engine: Engine, parrot: Path) -> None:
    load(engine, parrot)
    request = chat("hi", sampling=Sampling(temperature=0, stop=("squawk", "never")))
    text, finish = collect(engine.generate(request))
    assert text == PARROT_REPLY.partition("squawk")[0]
    assert finish.reason is FinishReason.STOP


def test_a_repeat_penalty_is_felt(engine: Engine, tiny: Path) -> None:
    load(engine, tiny)
    request = Request(raw="xxxx", sampling=Sampling(temperature=0, max_tokens=200))
    stuck, _ = collect(engine.generate(request))
    penalty = Sampling(temperature=0, max_tokens=200, repeat_penalty=3.0)
    varied, _ = collect(engine.generate(Request(raw="xxxx", sampling=penalty)))
    assert len(set(varied)) > 2 * len(set(stuck))


def test_a_prompt_longer_than_the_context_is_counted(engine: Engine, tiny: Path) -> None:
    load(engine, tiny)
    with pytest.raises(ContextOverflow) as caught:
        collect(engine.generate(Request(raw="a" * 3000)))
    assert caught.value.context == 512
    assert caught.value.prompt_tokens == engine.count_tokens(Request(raw="a" * 3000)) > 512
    text, _ = collect(engine.generate(chat("still alive", sampling=Sampling(max_tokens=4))))
    assert isinstance(text, str)


def test_two_megabytes_are_refused_not_crashed_on(engine: Engine, tiny: Path) -> None:
    load(engine, tiny)
    with pytest.raises(ContextOverflow):
        collect(engine.generate(chat("word " * 400_000)))


def test_the_fallback_is_announced(engine: Engine, bare: Path, tiny: Path) -> None:
    loaded = engine.load(plan_for(bare), lambda _fraction: None)
    assert "no chat template" in loaded.notice
    assert "User:" in loaded.notice
    assert engine.load(plan_for(tiny), lambda _fraction: None).notice == ""


def test_abort_stops_a_long_prompt_midway(engine: Engine, abort: AbortFlag, slow: Path) -> None:
    load(engine, slow)
    request = Request(raw="word " * 1200)
    progress = [
        chunk.progress for chunk in _until_aborted(engine, abort, request) if chunk.progress
    ]
    assert progress[0].done == 0
    assert 0 < progress[-1].done < progress[-1].total
    abort.clear()
    _, finish = collect(
        engine.generate(Request(raw="word " * 30, sampling=Sampling(max_tokens=3, seed=1)))
    )
    assert finish.reason is FinishReason.LENGTH
    assert finish.usage.cached_tokens > 0, "what was processed before the stop is still there"


def _until_aborted(engine: Engine, abort: AbortFlag, request: Request) -> list[Chunk]:
    """Asks for an abort on another thread, inside the computation that follows a report."""
    chunks = []
    for chunk in engine.generate(request):
        chunks.append(chunk)
        if chunk.progress and chunk.progress.done > 0:
            threading.Timer(0.01, abort.set).start()
    assert chunks[-1].finish is not None
    assert chunks[-1].finish.reason is FinishReason.CANCELLED
    return chunks


def test_nothing_to_answer_and_nothing_to_ask(engine: Engine, tiny: Path) -> None:
    with pytest.raises(NoModel):
        collect(engine.generate(chat("hi")))
    load(engine, tiny)
    with pytest.raises(GenerationError, match="nothing to answer"):
        collect(engine.generate(Request(raw="")))


def test_unload_gives_the_memory_back(engine: Engine, slow: Path) -> None:
    process = psutil.Process()
    load(engine, slow)
    collect(engine.generate(Request(raw="a", sampling=Sampling(max_tokens=2))))
    engine.unload()
    before = process.memory_info().rss
    load(engine, slow)
    collect(engine.generate(Request(raw="a", sampling=Sampling(max_tokens=2))))
    loaded = process.memory_info().rss
    assert loaded - before > 100 << 20
    engine.unload()
    assert process.memory_info().rss - before < (loaded - before) / 10


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_that_is_replaced_or_removed_while_loaded_harms_nothing(
    engine: Engine, slow: Path, tmp_path: Path, *, in_place: bool
) -> None:
    copy = Path(shutil.copy(slow, tmp_path / "copy.gguf"))
    load(engine, copy)
    expected, _ = collect(engine.generate(Request(raw="abc", sampling=_short())))
    if in_place:
        with copy.open("r+b") as stream:
            stream.truncate(10_000)
    else:
        copy.unlink()
    text, _ = collect(engine.generate(Request(raw="abc", sampling=_short())))
    assert text == expected


def _short() -> Sampling:
    return Sampling(temperature=0, max_tokens=8)


@pytest.mark.parametrize("damage", ["architecture", "missing tensor", "template"])
def test_what_llama_refuses_becomes_a_sentence(
    engine: Engine, tiny: Path, tmp_path: Path, damage: str
) -> None:
    data = tiny.read_bytes()
    changed = {
        "architecture": data.replace(
            b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0llama",
            b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0zebra",
        ),
        "missing tensor": data.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"),
        "template": data.replace(b"output_norm.weight", b"outpux_norm.weight"),
    }[damage]
    assert changed != data
    file = tmp_path / "damaged.gguf"
    file.write_bytes(changed)
    with pytest.raises(ModelError) as caught:
        load(engine, file)
    assert caught.value.remedy
    assert caught.value.details
    if damage == "architecture":
        assert "“zebra”" in caught.value.message
    load(engine, tiny)

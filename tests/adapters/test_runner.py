"""The runner on its thread: queue, cancellation, faults, and the trial of unknown files."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from app.errors import HearthError, ModelFileError, ModelLoadError, ModelTooLarge, QueueFull
from app.llm.runner.preflight import Preflight, run_child
from app.llm.runner.queued import QueuedRunner, create_engine
from app.llm.runner.worker import MAX_WAITING, Worker
from app.schema import Chunk, FinishReason, LoadProgress, Message, Request, Role, Sampling
from tests.adapters.conftest import plan_for
from tests.conftest import PARROT_REPLY

HELLO = Request(messages=(Message(Role.USER, "hello"),), sampling=Sampling(temperature=0))


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(create_engine)
    thread = threading.Thread(target=made.run, name="runner")
    thread.start()
    yield made
    made.stop()
    thread.join()


@pytest.fixture
def runner(worker: Worker) -> QueuedRunner:
    return QueuedRunner(worker)


def ignore(_progress: LoadProgress) -> None:
    pass


async def answer(runner: QueuedRunner, request: Request = HELLO) -> tuple[str, list[Chunk]]:
    async with aclosing(runner.generate(request)) as stream:
        chunks = [chunk async for chunk in stream]
    return "".join(chunk.text for chunk in chunks), chunks


async def test_loads_answers_counts_and_unloads(runner: QueuedRunner, parrot: Path) -> None:
    fractions: list[float] = []
    loaded = await runner.load(plan_for(parrot), lambda p: fractions.append(p.fraction))
    assert loaded.context == 1024
    assert fractions[-1] == 1.0
    text, chunks = await answer(runner)
    assert text == PARROT_REPLY
    assert chunks[-1].finish is not None
    assert chunks[-1].finish.usage.generated_tokens == sum(chunk.tokens for chunk in chunks)
    assert await runner.count_tokens(HELLO) == chunks[-1].finish.usage.prompt_tokens
    await runner.unload()
    with pytest.raises(HearthError, match="No model is loaded"):
        await answer(runner)


async def test_closing_the_stream_stops_the_engine(runner: QueuedRunner, endless: Path) -> None:
    await runner.load(plan_for(endless), ignore)
    async with aclosing(runner.generate(HELLO)) as stream:
        async for chunk in stream:
            if chunk.text:
                break
    # The queue is free again, and the cache is sound: the same beginning comes again.
    limited = Request(messages=HELLO.messages, sampling=Sampling(temperature=0, max_tokens=3))
    text, _ = await answer(runner, limited)
    assert text == "word0 word1 word2"


async def test_stopping_in_the_middle_of_a_long_prompt(runner: QueuedRunner, slow: Path) -> None:
    await runner.load(plan_for(slow), ignore)
    done = 0
    async with aclosing(runner.generate(Request(raw="word " * 1500))) as stream:
        async for chunk in stream:
            if chunk.progress and chunk.progress.done:
                done = chunk.progress.done
                assert done < chunk.progress.total
                break
    assert done
    assert await runner.count_tokens(HELLO) > 0


async def test_cancelling_the_task_stops_too(runner: QueuedRunner, endless: Path) -> None:
    await runner.load(plan_for(endless), ignore)
    task = asyncio.ensure_future(answer(runner))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await runner.count_tokens(HELLO) > 0


async def test_four_may_wait_and_the_fifth_is_refused(runner: QueuedRunner, endless: Path) -> None:
    await runner.load(plan_for(endless), ignore)
    running = [asyncio.ensure_future(answer(runner)) for _ in range(MAX_WAITING + 1)]
    await asyncio.sleep(0.2)
    with pytest.raises(QueueFull, match="4 requests wait"):
        await answer(runner)
    for task in reversed(running):
        task.cancel()
    await asyncio.wait(running)
    text, _ = await answer(
        runner, Request(messages=HELLO.messages, sampling=Sampling(temperature=0, max_tokens=2))
    )
    assert text == "word0 word1"


async def test_one_who_waits_is_told_how_many_are_ahead(
    runner: QueuedRunner, endless: Path
) -> None:
    await runner.load(plan_for(endless), ignore)
    first = asyncio.ensure_future(answer(runner))
    await asyncio.sleep(0.05)
    async with aclosing(runner.generate(HELLO)) as stream:
        assert (await anext(stream)).waiting == 1
    first.cancel()
    await asyncio.wait([first])


async def test_a_load_is_cancelled_with_its_task(runner: QueuedRunner, slow: Path) -> None:
    started = asyncio.Event()
    task = asyncio.ensure_future(runner.load(plan_for(slow), lambda _progress: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(HearthError, match="No model is loaded"):
        await answer(runner)


async def test_stopping_the_worker_frees_everyone(endless: Path) -> None:
    worker = Worker(create_engine)
    thread = threading.Thread(target=worker.run)
    thread.start()
    runner = QueuedRunner(worker)
    await runner.load(plan_for(endless), ignore)
    tasks = [asyncio.ensure_future(answer(runner)) for _ in range(3)]
    await asyncio.sleep(0.1)
    worker.stop()
    done, pending = await asyncio.wait(tasks, timeout=10)
    assert len(done) == 3
    assert not pending
    thread.join()
    assert (await answer(runner))[0] == "", "a stopped worker takes nothing on"


async def test_an_engine_that_cannot_be_made_is_an_error_not_a_hang(
    expected_warnings: list[str],
) -> None:
    expected_warnings.append("a job of the runner failed")

    def broken(_abort: object) -> object:
        raise OSError("libllama.so: cannot open shared object file")

    worker = Worker(broken)  # type: ignore[arg-type]
    thread = threading.Thread(target=worker.run)
    thread.start()
    with pytest.raises(OSError, match="libllama"):
        await QueuedRunner(worker).count_tokens(HELLO)
    worker.stop()
    thread.join()


async def test_a_file_is_tried_once_in_a_child(tiny: Path, tmp_path: Path) -> None:
    preflight = Preflight(tmp_path / "cache" / "preflight.json")
    fractions: list[float] = []
    plan = plan_for(tiny)
    checked = await preflight.check(plan, fractions.append)
    assert fractions[-1] == 1.0
    assert (checked.path, checked.n_ctx) == (plan.path, plan.n_ctx)
    fractions.clear()
    assert await preflight.check(plan, fractions.append) == checked
    assert not fractions, "it is known"
    os.utime(tiny, ns=(1, 1))
    await preflight.check(plan, fractions.append)
    assert fractions, "it has changed"


async def test_a_damaged_file_costs_the_child_alone(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.gguf"
    file.write_bytes(tiny.read_bytes().replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"))
    preflight = Preflight(tmp_path / "preflight.json")
    with pytest.raises(ModelFileError, match="damaged") as caught:
        await preflight.check(plan_for(file), lambda _fraction: None)
    assert "ffn_up" in caught.value.details


def scripted(tmp_path: Path, *steps: str) -> Preflight:
    """A preflight whose child runs these Python statements; `plan` is the given plan."""
    script = "import json, os, signal, sys\nplan = json.loads(sys.argv[1])\n" + "\n".join(steps)
    return Preflight(tmp_path / "preflight.json", [sys.executable, "-c", script])


async def test_a_crash_is_tried_again_without_repacked_weights(tiny: Path, tmp_path: Path) -> None:
    preflight = scripted(tmp_path, "if plan['extra_buffers']: os.kill(os.getpid(), signal.SIGSEGV)")
    plan = await preflight.check(_with_extra_buffers(tiny), lambda _fraction: None)
    assert not plan.extra_buffers
    assert json.loads((tmp_path / "preflight.json").read_text())["extra_buffers"] is False
    again = await preflight.check(_with_extra_buffers(tiny), lambda _fraction: None)
    assert not again.extra_buffers, "the machine's weakness is remembered"


def _with_extra_buffers(path: Path):
    import dataclasses

    return dataclasses.replace(plan_for(path), extra_buffers=True)


async def test_a_crash_in_any_case_is_a_sentence(tiny: Path, tmp_path: Path) -> None:
    preflight = scripted(
        tmp_path,
        "print('GGML_ASSERT(x) failed', file=sys.stderr, flush=True)",
        "os.kill(os.getpid(), signal.SIGABRT)",
    )
    with pytest.raises(ModelLoadError, match="crashed in a trial run") as caught:
        await preflight.check(_with_extra_buffers(tiny), lambda _fraction: None)
    assert "GGML_ASSERT(x) failed" in caught.value.details
    assert f"exit code {-signal.SIGABRT}" in caught.value.details


async def test_a_child_that_the_system_ends_means_want_of_memory(
    tiny: Path, tmp_path: Path
) -> None:
    preflight = scripted(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ModelTooLarge, match="want of memory"):
        await preflight.check(plan_for(tiny), lambda _fraction: None)


async def test_cancelling_the_trial_ends_the_child(tiny: Path, tmp_path: Path) -> None:
    preflight = scripted(
        tmp_path,
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))",
        "print(json.dumps({'progress': 0.5}), flush=True)",
        "import time; time.sleep(60)",
    )
    begun = asyncio.Event()
    task = asyncio.ensure_future(preflight.check(plan_for(tiny), lambda _fraction: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_silent_child_is_given_up(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.llm.runner.preflight.SILENCE_LIMIT", 0.3)
    preflight = scripted(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ModelLoadError, match="did not finish"):
        await preflight.check(plan_for(tiny), lambda _fraction: None)


async def test_a_record_that_cannot_be_read_or_written_is_no_error(
    tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "in the way").write_text("")
    for record in (tmp_path / "in the way" / "preflight.json", tmp_path / "garbage.json"):
        (tmp_path / "garbage.json").write_text('["garbage"]')
        checked = await Preflight(record).check(plan_for(tiny), lambda _fraction: None)
        assert checked.path == str(tiny)


def test_the_child_reports_in_json(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import dataclasses

    assert run_child(json.dumps(dataclasses.asdict(plan_for(tiny)))) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == {"progress": 1.0}
    assert [line["progress"] for line in lines] == sorted(line["progress"] for line in lines)


async def test_answers_say_why_they_ended(runner: QueuedRunner, tiny: Path) -> None:
    await runner.load(plan_for(tiny), ignore)
    _, chunks = await answer(runner, Request(raw="a", sampling=Sampling(max_tokens=3, seed=1)))
    assert chunks[-1].finish is not None
    assert chunks[-1].finish.reason is FinishReason.LENGTH

"""Tries a model file in a child process before it is loaded into this one.

llama.cpp may abort the process on a file that is damaged in an unforeseen way, or use instructions
that the machine claims but cannot run. The first time a file is seen, a short-lived child loads it
and generates a token, so that such an end costs the child and not the window.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from app import processes, storage
from app.errors import (
    HearthError,
    ModelError,
    ModelFileError,
    ModelLoadError,
    ModelTooLarge,
    UnsupportedModel,
)
from app.llm.trials import Test
from app.schema import Adapter, LoadPlan

CONTEXT = 512  # tokens, enough for a trial
TRIAL = "The quick brown fox"  # for models that make vectors
TESTS = (Test(16, is_prompt=True), Test(2, is_prompt=False))  # for the others
LOAD_SHARE = 0.8  # of the progress; the rest is the first token
SILENCE_LIMIT = 180.0  # seconds without a sign of life
_LOG = logging.getLogger(__name__)
_KINDS: tuple[type[ModelError], ...] = (
    ModelFileError,
    UnsupportedModel,
    ModelTooLarge,
    ModelLoadError,
)
_ERRORS = {kind.__name__: kind for kind in _KINDS}


class Preflight:
    """Remembers which files were tried, and what this machine cannot do."""

    def __init__(self, record: Path, command: Sequence[str] | None = None) -> None:
        self._record = record
        self._command = list(command or [*processes.own_command(), processes.PREFLIGHT])
        self._engine = metadata.version("llama-cpp-python")

    async def check(self, plan: LoadPlan, on_progress: Callable[[float], None]) -> LoadPlan:
        """Tries the plan's file unless it was tried before; returns the plan that works here.

        Raises:
            ModelError: the child failed or crashed.
        """
        known = self._read()
        files, stamp = _key(plan), _stamp(plan)
        plan = dataclasses.replace(plan, extra_buffers=known.get("extra_buffers", True))
        if known.get("files", {}).get(files) == stamp:
            return plan
        try:
            await self._try(plan, on_progress)
        except _Crashed as crash:
            if not plan.extra_buffers:
                raise crash.explained from crash
            # Repacked weights use instructions such as AMX, which some machines offer but trap.
            plan = dataclasses.replace(plan, extra_buffers=False)
            try:
                await self._try(plan, on_progress)
            except _Crashed as again:
                raise again.explained from again
            _LOG.info("this machine cannot run llama.cpp's repacked weights: they stay off")
            known["extra_buffers"] = False
        known.setdefault("files", {})[files] = stamp
        self._write(known)
        return plan

    @property
    def extra_buffers(self) -> bool:
        """Whether this machine can run repacked weights, as far as was found out."""
        return bool(self._read().get("extra_buffers", True))

    def _read(self) -> dict[str, Any]:
        """The record of this llama.cpp; another version's is forgotten."""
        try:
            known = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if not isinstance(known, dict) or known.get("engine") != self._engine:
            known = {"engine": self._engine}
        return known

    def _write(self, known: dict[str, Any]) -> None:
        try:
            storage.write_atomically(self._record, json.dumps(known, indent=1))
        except OSError as error:
            _LOG.info("the preflight record was not kept: %s", error)

    async def _try(self, plan: LoadPlan, on_progress: Callable[[float], None]) -> None:
        """Runs the child once; raises its error, or _Crashed."""
        trial = dataclasses.replace(plan, n_ctx=min(plan.n_ctx, CONTEXT), reasons=())
        child = await asyncio.create_subprocess_exec(
            *self._command,
            json.dumps(dataclasses.asdict(trial)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None  # noqa: S101 - both are pipes
        assert child.stderr is not None  # noqa: S101
        complaint = asyncio.ensure_future(child.stderr.read())
        answer: dict[str, Any] = {}
        try:
            while line := await _next_line(child.stdout):
                answer = _parsed(line)
                if "progress" in answer:
                    on_progress(float(answer["progress"]))
            code = await child.wait()
        except TimeoutError:
            raise ModelLoadError(
                f"{_names(plan)} did not finish loading in a trial run.",
                "Try again when the computer is less busy, or choose another model.",
            ) from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
            details = (await complaint).decode("utf-8", "replace")[-2000:]
        if "error" in answer:
            kind = _ERRORS.get(answer["error"], ModelLoadError)
            raise kind(answer["message"], answer["remedy"], answer["details"])
        if code != 0:
            raise _Crashed(_names(plan), code, details)


def _files(plan: LoadPlan) -> list[Path]:
    """The model's file and its adapters', which are tried together."""
    return [Path(plan.path), *(Path(adapter.path) for adapter in plan.adapters)]


def _key(plan: LoadPlan) -> str:
    return " + ".join(str(file.resolve()) for file in _files(plan))


def _names(plan: LoadPlan) -> str:
    return " with ".join(f"“{file.name}”" for file in _files(plan))


def _stamp(plan: LoadPlan) -> list[int]:
    """What changes when one of the files does."""
    stamp: list[int] = []
    for file in _files(plan):
        try:
            status = file.stat()
        except OSError as error:
            raise ModelFileError(
                f"The model file “{file.name}” is not there any more.",
                "Check whether it was moved or its drive unplugged, or open another model.",
            ) from error
        stamp += [status.st_size, status.st_mtime_ns]
    return stamp


async def _next_line(stream: asyncio.StreamReader) -> bytes:
    """The child's next line; not by `wait_for`, which can swallow a cancellation in Python 3.11."""
    async with asyncio.timeout(SILENCE_LIMIT):
        return await stream.readline()


class _Crashed(Exception):
    """The child ended without a word."""

    def __init__(self, names: str, code: int, details: str) -> None:
        super().__init__(names, code)
        if code == -signal.Signals.__members__.get("SIGKILL", 9):
            self.explained: ModelError = ModelTooLarge(
                f"The system ended a trial run of {names}, most likely for want of memory.",
                "Close other programs, or choose a smaller model or quantisation.",
                details,
            )
        else:
            self.explained = ModelLoadError(
                f"llama.cpp crashed in a trial run of {names}, so it was not loaded.",
                "The file is probably damaged: fetch it again, or choose another model.",
                f"exit code {code}\n{details}",
            )


def _parsed(line: bytes) -> dict[str, Any]:
    """A line of the child's; anything but JSON of ours (a library's chatter) counts as nothing."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def run_child(argument: str) -> int:
    """The child's whole life: loads a plan given as JSON, computes some tokens, reports in JSON.

    A model that is loaded for embedding makes a vector instead.
    """
    _die_with_parent()
    plan = _read_plan(argument)

    def say(**message: object) -> None:
        print(json.dumps(message), flush=True)

    from app.llm.runner.abort_flag import AbortFlag
    from app.llm.runner.llama.engine import Engine

    said = -1

    def report(fraction: float) -> None:
        nonlocal said
        if int(fraction * 100) != said:
            said = int(fraction * 100)
            say(progress=fraction * LOAD_SHARE)

    try:
        engine = Engine(AbortFlag())
        engine.load(plan, report)
        if plan.for_embedding:
            engine.embed([TRIAL])
        else:
            # Tokens instead of a text, which not every vocabulary can write. Several at once and
            # one alone are computed by other kernels.
            for test in TESTS:
                deque(engine.bench(plan, test), maxlen=0)
        engine.unload()
    except HearthError as error:
        say(
            error=type(error).__name__,
            message=error.message,
            remedy=error.remedy,
            details=error.details,
        )
        return 1
    say(progress=1.0)
    return 0


def _read_plan(argument: str) -> LoadPlan:
    fields = json.loads(argument)
    fields["adapters"] = tuple(Adapter(**adapter) for adapter in fields["adapters"])
    fields["tensor_split"] = tuple(fields["tensor_split"])
    return LoadPlan(**{**fields, "reasons": ()})


def _die_with_parent() -> None:
    """Has Linux end this process when the one that started it is gone (prctl(2))."""
    if sys.platform != "linux":
        return
    import ctypes

    set_parent_death_signal = 1
    parent = os.getppid()
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

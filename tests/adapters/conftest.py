"""Real engines, runners and databases for the tests of this tier."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from app import core as cores
from app import gguf
from app.llm.optimizer import hardware, plan
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama.engine import Engine
from app.schema import LoadPlan
from tests.fakes import running


def plan_for(path: Path, **changes: object) -> LoadPlan:
    made = plan.default_plan(hardware.detect(), gguf.read(path))
    return dataclasses.replace(made, extra_buffers=False, **changes)  # type: ignore[arg-type]


def llama_alone(path: Path, prompt: str, **options: Any) -> dict[str, Any]:
    """What `llama_cpp.Llama` says greedily, without Hearth."""
    llama = llama_cpp.Llama(str(path), verbose=False, **options)
    answer: Any = llama(prompt, temperature=0, max_tokens=-1)
    llama.close()
    return {"text": answer["choices"][0]["text"], **answer["usage"]}


@pytest.fixture
def abort() -> AbortFlag:
    return AbortFlag()


@pytest.fixture
def engine(abort: AbortFlag) -> Iterator[Engine]:
    made = Engine(abort)
    yield made
    made.unload()


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[cores.Core]:
    """The core as the command line builds it, with its worker on a thread."""
    async with running.core(tmp_path / "home") as built:
        yield built

"""What a plan says about memory and places reaches llama.cpp, and the answers stay the same."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app import paths
from app.llm.runner.llama import log
from app.llm.runner.llama.context import CACHE_TYPES
from app.llm.runner.llama.engine import Engine
from app.schema import Message, Request, Role, Sampling
from tests.adapters.conftest import plan_for

STARTER = paths.resources() / "models" / "starter.gguf"  # its heads are wide enough for blocks
QUESTION = Request(
    (Message(Role.USER, "What is Hearth?"),), sampling=Sampling(temperature=0, max_tokens=12)
)


def said(engine: Engine, path: Path = STARTER, **changes: object) -> str:
    """The beginning of an answer, after a load with these settings."""
    engine.load(plan_for(path, **{"n_ctx": 512, **changes}), lambda _fraction: None)
    return "".join(chunk.text for chunk in engine.generate(QUESTION))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What llama.cpp says."""
    caplog.set_level(logging.DEBUG, logger=log.__name__)
    return caplog


@pytest.mark.parametrize("kind", CACHE_TYPES)
def test_every_type_of_cache_answers(
    engine: Engine, lines: pytest.LogCaptureFixture, kind: str
) -> None:
    assert said(engine, type_k=kind, type_v=kind)
    assert f"K ({kind})" in lines.text
    assert f"V ({kind})" in lines.text


@pytest.mark.parametrize(
    "changes",
    [
        {"use_mmap": True},
        {"use_mmap": False},
        {"use_mmap": True, "use_mlock": True},
        {"use_mmap": False, "use_mlock": True},
        {"tensor_split": (3.0, 1.0)},
        {"cpu_expert_layers": 3},
        {"flash_attention": False},
        {"n_ubatch": 64},
    ],
)
def test_how_the_weights_are_held_changes_no_answer(engine: Engine, changes: object) -> None:
    usual = said(engine)
    assert usual
    assert said(engine, **changes) == usual  # type: ignore[arg-type]

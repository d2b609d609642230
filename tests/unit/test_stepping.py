"""A plan that failed to load is followed by a smaller one, and what worked is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.llm.optimizer.remembered import MOST_MODELS, Remembered
from app.llm.optimizer.stepping import lower
from app.llm.optimizer.wishes import NO_CEILING, Ceiling
from app.schema import LoadPlan
from tests.fakes.headers import dense

HEADER = dense(layers=31)  # 32 with the output layer


def failed(context: int, layers: int) -> LoadPlan:
    return LoadPlan("/models/some.gguf", context, 4, 4, n_gpu_layers=layers)


def test_layers_leave_the_card_before_the_context_shrinks() -> None:
    assert lower(failed(8192, -1), HEADER) == Ceiling(None, 24)
    assert lower(failed(8192, 99), HEADER) == Ceiling(None, 24)
    assert lower(failed(8192, 24), HEADER, Ceiling(None, 24)) == Ceiling(None, 18)
    assert lower(failed(8192, 1), HEADER) == Ceiling(None, 0)
    assert lower(failed(8192, 0), HEADER, Ceiling(None, 0)) == Ceiling(4096, 0)
    assert lower(failed(1024, 0), HEADER) == Ceiling(512, None)
    assert lower(failed(1000, 0), HEADER) is None


def test_the_steps_come_to_an_end() -> None:
    ceiling, context, layers, steps = NO_CEILING, 131_072, -1, 0
    while (found := lower(failed(context, layers), HEADER, ceiling)) is not None:
        ceiling = found
        context = ceiling.context or context
        layers = layers if ceiling.gpu_layers is None else ceiling.gpu_layers
        steps += 1
    assert (context, layers) == (512, 0)
    assert steps < 30


def test_what_worked_is_remembered_for_this_model_computer_and_engine(tmp_path: Path) -> None:
    file = tmp_path / "plans.json"
    kept = Remembered(file, "0.3.36")
    kept.keep(HEADER, "here", Ceiling(4096, 12))
    again = Remembered(file, "0.3.36")
    assert again.ceiling(HEADER, "here") == Ceiling(4096, 12)
    assert again.ceiling(HEADER, "elsewhere") == NO_CEILING
    assert again.ceiling(dense(layers=30), "here") == NO_CEILING
    assert Remembered(file, "0.4").ceiling(HEADER, "here") == NO_CEILING
    again.forget(HEADER, "here")
    assert kept.ceiling(HEADER, "here") == NO_CEILING


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', "[" * 100_000])
def test_a_damaged_file_remembers_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plans.json"
    file.write_text(text)
    kept = Remembered(file, "0.3.36")
    assert kept.ceiling(HEADER, "here") == NO_CEILING
    kept.keep(HEADER, "here", Ceiling(512))
    assert kept.ceiling(HEADER, "here") == Ceiling(512)


def test_the_file_stays_small_and_may_be_unwritable(tmp_path: Path) -> None:
    kept = Remembered(tmp_path / "plans.json", "0.3.36")
    for number in range(MOST_MODELS + 20):
        kept.keep(HEADER, f"computer {number}", Ceiling(512))
    assert kept.ceiling(HEADER, "computer 0") == NO_CEILING
    assert kept.ceiling(HEADER, f"computer {MOST_MODELS + 19}") == Ceiling(512)
    (tmp_path / "file").write_text("")
    Remembered(tmp_path / "file" / "plans.json", "0.3.36").keep(HEADER, "here", Ceiling(512))

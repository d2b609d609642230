"""What was found to be fastest is kept by model, computer and llama.cpp."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.gguf import Header
from app.llm.optimizer.tuned import Tuned
from app.llm.optimizer.tuning.kept import MOST, KeptTunings
from app.llm.trials import Runs, Speed, Trial, Tuning
from app.schema import Adapter, LoadPlan
from tests.fakes.headers import dense

ENGINE, HERE = "0.3.36", "00aa11bb22cc33dd"
MODEL = dense(layers=2)
PLAN = LoadPlan(str(MODEL.path), 8192, 8, 8, n_gpu_layers=-1, tensor_split=(0.7, 0.3))
BEST = replace(PLAN, n_threads=4, adapters=(Adapter("/a.gguf", 0.5),))
TUNING = Tuning(
    model=str(MODEL.path),
    engine=ENGINE,
    computer=HERE,
    day="2026-11-21",
    trials=(
        Trial("", PLAN, Runs(512, (1.5, 1.25)), Runs(64, (2.0,)), Speed(300.0, None)),
        Trial("4 threads", BEST, None, Runs(64, (1.0, 1.5, 2.0)), depth=1024),
    ),
    kept=1,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tuned.json"


@pytest.fixture
def tunings(file: Path) -> KeptTunings:
    return KeptTunings(file, ENGINE)


def called(path: str, size: int = 0) -> Header:
    return replace(MODEL, path=Path(path), file_size=size or MODEL.file_size)


def test_what_is_kept_is_what_was_found(tunings: KeptTunings, file: Path) -> None:
    assert tunings.tuning(MODEL, HERE) is None
    tunings.keep(MODEL, TUNING)
    assert KeptTunings(file, ENGINE).tuning(MODEL, HERE) == TUNING
    assert tunings.engine == ENGINE


def test_it_holds_for_this_file_computer_and_engine_alone(tunings: KeptTunings, file: Path) -> None:
    tunings.keep(MODEL, TUNING)
    assert tunings.tuning(MODEL, "another computer") is None
    assert KeptTunings(file, "0.4.0").tuning(MODEL, HERE) is None
    assert tunings.tuning(called("/models/other.gguf"), HERE) is None
    assert tunings.tuning(called(str(MODEL.path), 77), HERE) is None, "the file has changed"


def test_what_was_found_otherwise_is_older(tunings: KeptTunings, file: Path) -> None:
    tunings.keep(MODEL, TUNING)
    newer = replace(TUNING, day="2026-11-22", computer="another")
    tunings.keep(MODEL, newer)
    assert tunings.older(MODEL, HERE) is None, "what holds now is there"
    assert KeptTunings(file, "0.4.0").older(MODEL, HERE) == newer
    assert tunings.older(MODEL, "a third") == newer
    assert tunings.older(called("/models/other.gguf"), HERE) is None
    assert tunings.older(called(str(MODEL.path), 77), HERE) is None


def test_a_model_is_tuned_anew_and_forgotten(tunings: KeptTunings) -> None:
    tunings.keep(MODEL, TUNING)
    again = replace(TUNING, day="2026-12-24", kept=0)
    tunings.keep(MODEL, again)
    other = called("/models/other.gguf")
    tunings.keep(other, TUNING)
    tunings.keep(MODEL, replace(TUNING, computer="another"))
    assert tunings.tuning(MODEL, HERE) == again
    tunings.forget(MODEL)
    assert tunings.tuning(MODEL, HERE) is None
    assert tunings.older(MODEL, HERE) is None
    assert tunings.tuning(other, HERE) == TUNING
    tunings.forget(MODEL)


def test_a_file_whose_name_ends_like_another_is_another(tunings: KeptTunings) -> None:
    odd = called(f"/m {MODEL.file_size} {MODEL.path}", MODEL.file_size)
    tunings.keep(odd, TUNING)
    assert tunings.older(MODEL, HERE) is None
    tunings.forget(MODEL)
    assert tunings.tuning(odd, HERE) == TUNING


def test_only_so_many_are_kept_and_the_oldest_go_first(tunings: KeptTunings, file: Path) -> None:
    file.parent.mkdir()
    entry = json.loads(json.dumps(_kept(tunings, file)))
    known = {f"{HERE} {ENGINE} 5 /models/{n}.gguf": entry for n in range(MOST)}
    file.write_text(json.dumps(known))
    tunings.keep(called("/models/one more.gguf", 5), TUNING)
    assert len(json.loads(file.read_text())) == MOST
    assert tunings.tuning(called("/models/0.gguf", 5), HERE) is None
    assert tunings.tuning(called("/models/1.gguf", 5), HERE) == TUNING
    assert tunings.tuning(called("/models/one more.gguf", 5), HERE) == TUNING
    tunings.keep(called("/models/1.gguf", 5), TUNING)
    assert tunings.tuning(called("/models/2.gguf", 5), HERE) == TUNING, "it was there already"


def test_a_file_that_cannot_be_written_costs_no_more_than_another_search(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    tunings = KeptTunings(tmp_path / "in the way" / "tuned.json", ENGINE)
    tunings.keep(MODEL, TUNING)
    tunings.forget(MODEL)
    assert tunings.tuning(MODEL, HERE) is None


def test_a_later_version_of_the_file_may_say_more(tunings: KeptTunings, file: Path) -> None:
    entry = _kept(tunings, file)
    entry["mood"] = "good"
    entry["trials"][0]["plan"]["rope"] = 4
    _write(file, entry)
    assert tunings.tuning(MODEL, HERE) == TUNING


# Damage


def _kept(tunings: KeptTunings, file: Path) -> Any:
    tunings.keep(MODEL, TUNING)
    (entry,) = json.loads(file.read_text()).values()
    return entry


def _write(file: Path, entry: object) -> None:
    file.write_text(json.dumps({f"{HERE} {ENGINE} {MODEL.file_size} {MODEL.path}": entry}))


def test_a_file_that_ends_too_early_is_none(tunings: KeptTunings, file: Path) -> None:
    tunings.keep(MODEL, TUNING)
    whole = file.read_bytes()
    for end in range(len(whole) - 1):
        file.write_bytes(whole[:end])
        assert tunings.tuning(MODEL, HERE) is None, end
        assert tunings.older(MODEL, "another") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "null", '"text"', "{", "[" * 100_000, '{"a": NaN}', "\x00", "{}"]
)
def test_a_file_with_something_else_is_written_anew(
    tunings: KeptTunings, file: Path, text: str
) -> None:
    file.parent.mkdir()
    file.write_text(text)
    assert tunings.tuning(MODEL, HERE) is None
    assert tunings.older(MODEL, HERE) is None
    tunings.forget(MODEL)
    tunings.keep(MODEL, TUNING)
    assert tunings.tuning(MODEL, HERE) == TUNING


def _places(value: object, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each value of a JSON document, its lists and objects among them."""
    if before:
        yield before
    known = value.items() if isinstance(value, dict) else ()
    listed = enumerate(value) if isinstance(value, list) else ()
    for key, inner in (*known, *listed):
        yield from _places(inner, (*before, key))


wrong = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]),
    st.just({}), st.lists(st.floats(), max_size=3), st.just(10**400),
)  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), value=wrong, is_missing=st.booleans())
def test_any_wrong_value_gives_none_or_a_tuning_that_can_be_planned_with(
    tunings: KeptTunings, file: Path, data: st.DataObject, value: object, is_missing: bool
) -> None:
    entry = copy.deepcopy(_kept(tunings, file))
    place = data.draw(st.sampled_from([*_places(entry)]))
    within: Any = entry
    for key in place[:-1]:
        within = within[key]
    if is_missing:
        del within[place[-1]]
    else:
        within[place[-1]] = value
    _write(file, entry)
    found = tunings.tuning(MODEL, HERE)
    tunings.older(MODEL, "another")
    if found is None:
        return
    assert found.best in found.trials
    tuned = Tuned.by(found)
    for name in ("threads", "threads_batch", "batch", "ubatch", "gpu_layers"):
        assert type(getattr(tuned, name)) in (int, type(None))
    for name in ("type_k", "type_v"):
        assert type(getattr(tuned, name)) in (str, type(None))
    assert type(tuned.flash_attention) in (bool, type(None))
    for trial in found.trials:
        for runs in (trial.prompt, trial.generation):
            assert runs is None or runs.rate >= 0


@pytest.mark.parametrize("kept", [-1, 2, 10**30, True, "1", 1.0, None])
def test_the_number_of_the_best_is_one_of_the_trials(
    tunings: KeptTunings, file: Path, kept: object
) -> None:
    entry = _kept(tunings, file)
    entry["kept"] = kept
    _write(file, entry)
    found = tunings.tuning(MODEL, HERE)
    assert found is None or found.kept == 1


@pytest.mark.parametrize("day", ["", "yesterday", "2026-13-01", "21.11.2026", 20261121])
def test_a_day_that_is_none_spoils_the_entry(tunings: KeptTunings, file: Path, day: object) -> None:
    entry = _kept(tunings, file)
    entry["day"] = day
    _write(file, entry)
    assert tunings.tuning(MODEL, HERE) is None


@pytest.mark.parametrize(
    "damage",
    [{"n_threads": 0}, {"n_threads": -5}, {"n_threads": 10**30}, {"n_ubatch": 0}, {"n_ctx": -1}],
)
def test_a_plan_with_numbers_that_no_plan_has_is_damage(
    tunings: KeptTunings, damage: dict[str, int]
) -> None:
    first, best = TUNING.trials
    damaged = replace(best, plan=replace(best.plan, **damage))  # type: ignore[arg-type]
    tunings.keep(MODEL, replace(TUNING, trials=(first, damaged)))
    assert tunings.tuning(MODEL, HERE) is None

"""The recommended models, what fits, and what runs well."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import paths
from app.library import shelf
from app.library.records import HubFile, HubModel, Kind
from app.library.shelf import Choice, ShelfModel
from app.library.verdicts import Fit
from app.llm.optimizer.room import GpuRoom, Room

GB = 1_000_000_000
CORES = 4
FAMILIES = {"Qwen", "Gemma", "Llama", "Mistral", "Phi", "SmolLM", "gpt-oss", "DeepSeek"}


def memory(total: float, free: float, *cards: float) -> Room:
    """Room of so many GB, and of cards with so many."""
    rooms = tuple(GpuRoom(f"Card {number}", round(card * GB)) for number, card in enumerate(cards))
    return Room(round(free * GB), round(total * GB), rooms)


def model(*sizes: float, **about: Any) -> ShelfModel:
    """A recommendation with files of these sizes in GB."""
    choices = tuple(Choice(f"Q{n}", round(size * GB), f"*Q{n}*") for n, size in enumerate(sizes))
    first = choices[0]
    described = {"parameters": 8 * GB, "active": 8 * GB, **about}
    made = ShelfModel("Name", "a/b", "", 0, "MIT", "tests", choices=choices, **described)
    return made.with_choice(first)


def offer(path: str, kind: Kind = Kind.CHAT, quantisation: str = "") -> HubModel:
    return HubModel("a/b", "c0ffee", path, (HubFile(path, 1),), quantisation, kind)


# The data


@pytest.fixture(scope="module")
def models() -> list[ShelfModel]:
    return shelf.read(paths.resources())


def test_the_shelf_that_ships_is_whole(models: list[ShelfModel]) -> None:
    assert 20 <= len(models) <= 35
    assert len({one.repo for one in models}) == len({one.name for one in models}) == len(models)
    assert [one.size for one in models] == sorted(one.size for one in models)
    for one in models:
        assert one.repo.count("/") == 1
        assert one.page == f"https://huggingface.co/{one.repo}/tree/main"
        assert all((one.licence, one.good_for, one.family, one.context >= 2048))
        assert not one.good_for[0].isupper()
        assert 0 < one.active <= one.parameters
        assert (one.quantisation, one.size, one.file) == (
            one.choices[0].quantisation,
            one.choices[0].size,
            one.choices[0].file,
        )


def test_every_family_and_kind_is_on_the_shelf(models: list[ShelfModel]) -> None:
    assert {one.family for one in models} >= FAMILIES
    assert {one.kind for one in models} == {Kind.CHAT, Kind.EMBEDDING}
    seeing = [one for one in models if one.is_vision]
    assert seeing
    assert all(one.projector.endswith(".gguf") for one in seeing)
    assert any(one.is_gated for one in models)
    assert models[0].size < GB
    assert models[-1].size > 40 * GB


def test_the_sizes_agree_with_the_parameters(models: list[ShelfModel]) -> None:
    bits = {"Q4_0": (4.4, 5.6), "Q4_K_M": (4.7, 6.9), "Q5_K_M": (5.5, 6.2), "Q6_K": (6.5, 6.8)}
    bits |= {"Q8_0": (8.4, 8.9), "MXFP4": (4.2, 4.8), "F16": (15.5, 16.5)}
    for one in models:
        for choice in one.choices:
            low, high = bits[choice.quantisation]
            assert low <= choice.size * 8 / one.parameters <= high, (one.name, choice)
            assert choice.file.lower().endswith(".gguf")
            assert choice.quantisation.lower() in choice.file.lower()


def damaged(**changes: Any) -> str:
    entry = json.loads((paths.resources() / "shelf.json").read_text())["models"][0]
    return json.dumps({"models": [{**entry, **changes}]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"models": 3}',
        '{"models": [{"name": "x"}]}',
        '{"models": [7]}',
        damaged(files=[]),
        damaged(files=[{"quantisation": "Q8_0"}]),
        damaged(kind="no such"),
        damaged(parameters_b="many"),
        damaged(projector=3),
    ],
)
def test_a_damaged_shelf_is_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "shelf.json").write_text(text)
    assert shelf.read(tmp_path) == []
    assert shelf.read(tmp_path / "missing") == []


# What fits


def test_the_finest_quantisation_that_fits_and_runs_well_is_meant() -> None:
    roomy = memory(32, 20)
    assert shelf.best_choice(model(2, 3, 4), roomy, CORES).size == 4 * GB
    assert shelf.best_choice(model(2, 3, 9), roomy, CORES).size == 3 * GB  # 9 GB would be slow
    assert shelf.best_choice(model(2, 3, 9), memory(4, 3.5), CORES).size == 2 * GB
    assert shelf.best_choice(model(8, 9), roomy, CORES).size == 8 * GB  # slow at any rate
    assert shelf.best_choice(model(50, 60), roomy, CORES).size == 50 * GB
    chosen = shelf.best_choice(model(2, 3), roomy, CORES)
    assert (chosen.quantisation, chosen.file) == ("Q1", "*Q1*")


def test_the_file_with_which_a_model_sees_needs_room_as_well() -> None:
    facts = memory(8, 4.4)
    assert shelf.best_choice(model(2, 3), facts, CORES).size == 3 * GB
    assert shelf.best_choice(model(2, 3, projector_size=GB), facts, CORES).size == 2 * GB


def test_few_active_parameters_make_a_model_fast() -> None:
    facts = memory(64, 40)
    dense, sparse = model(12), model(12, active=GB)
    assert shelf.speed(sparse, facts, CORES) == pytest.approx(8 * shelf.speed(dense, facts, CORES))
    assert shelf.runs_well(sparse, facts, CORES)
    assert not shelf.runs_well(dense, facts, CORES)
    assert shelf.speed(dense, facts, cores=1) < shelf.speed(dense, facts, CORES)
    unknown = model(12, parameters=0, active=0)
    assert shelf.speed(unknown, facts, CORES) == shelf.speed(dense, facts, CORES)


def test_a_graphics_card_that_has_all_of_a_model_makes_it_fast() -> None:
    with_card, small_card = memory(32, 20, 24), memory(32, 20, 6)
    assert shelf.runs_well(model(12), with_card, CORES)
    assert not shelf.runs_well(model(12), small_card, CORES)
    assert shelf.best_choice(model(2, 3, 9), with_card, CORES).size == 9 * GB
    assert shelf.best_choice(model(2, 3, 9), small_card, CORES).size == 3 * GB
    unified = replace(with_card, is_unified=True)
    assert not shelf.runs_well(model(12), unified, CORES)


@pytest.mark.parametrize(
    "space",
    [
        memory(2, 1), memory(8, 5), memory(16, 8), memory(64, 50), memory(256, 200),
        memory(16, 12, 11), memory(64, 50, 23, 23),
    ],
)  # fmt: skip
def test_what_fits_and_runs_well_comes_first(models: list[ShelfModel], space: Room) -> None:
    order = shelf.by_fit(models, space, CORES)
    assert len(order) == len(models)
    ranks = [0 if fit in shelf.FREE else 1 + shelf.LATER.index(fit) for _, fit in order]
    assert ranks == sorted(ranks)
    now = [one for one, fit in order if fit in shelf.FREE]
    well = [shelf.runs_well(one, space, CORES) for one in now]
    assert well == sorted(well, reverse=True)
    good = [one.parameters for one in now if shelf.runs_well(one, space, CORES)]
    assert good == sorted(good, reverse=True)
    slow = [shelf.speed(one, space, CORES) for one in now if not shelf.runs_well(one, space, CORES)]
    assert slow == sorted(slow, reverse=True)
    for kind in shelf.LATER:
        sizes = [one.size for one, fit in order if fit is kind]
        assert sizes == sorted(sizes)


def test_a_common_laptop_is_offered_a_model_that_can_do_something(
    models: list[ShelfModel],
) -> None:
    first, fits = shelf.by_fit(models, memory(16, 10), CORES)[0]
    assert fits is Fit.NOW
    assert first.parameters > 7 * GB


# Finding the file in its repository


def test_the_file_that_is_meant_is_found_by_its_name() -> None:
    one = model(2, 3, projector="mmproj*f16*.gguf")
    files = [
        offer("mmproj-x-Q8_0.gguf", Kind.PROJECTOR),
        offer("x-imatrix-q1.gguf", Kind.OTHER),
        offer("X-q0.gguf"),
        offer("sub/X-Q1.gguf"),
        offer("mmproj-x-F16.gguf", Kind.PROJECTOR),
    ]
    assert shelf.offered(one, files) == files[2]
    assert shelf.offered(one.with_choice(one.choices[1]), files) == files[3]


def test_a_file_that_was_renamed_is_found_by_its_quantisation() -> None:
    renamed = offer("weights.gguf", quantisation="Q0")
    assert shelf.offered(model(2), [offer("other.gguf"), renamed]) == renamed
    assert shelf.offered(model(2), [offer("other.gguf")]) is None


def test_split_models_are_found_by_their_first_part() -> None:
    parts = tuple(HubFile(f"big-mxfp4-0000{n}-of-00002.gguf", 1) for n in (1, 2))
    big = HubModel("a/b", "c0ffee", "big-mxfp4", parts, "MXFP4")
    one = model(60)
    assert shelf.offered(one.with_choice(Choice("MXFP4", 1, "*MXFP4*.gguf")), [big]) == big

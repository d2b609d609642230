"""Models beside each other: what each cell tells is what a load would do."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.llm.comparing import Fits, Row
from app.llm.load_ways import AS_IT_IS, WAYS, Way
from app.llm.optimizer.machine.records import Computer, Memory
from app.schema import LoadedModel
from app.settings import Models, WishSetting
from tests.fakes import gguf_small, shaped_models
from tests.unit.comparing_use import (
    F16,
    GB,
    LARGE,
    Q4,
    Q8,
    SMALL,
    THRIFTY,
    TRAINED,
    USUAL,
    computer,
    loaded,
    planned,
    view,
)

Reckon = Callable[..., Row]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    """A Qwen2 of 4.6 GB, by its header, trained for 131,072 tokens."""
    return shaped_models.write(folder / "qwen.gguf", "qwen2")


@pytest.fixture(scope="module")
def other(folder: Path) -> Path:
    """A Gemma 3 of 2.4 GB."""
    return shaped_models.write(folder / "gemma.gguf", "gemma3")


@pytest.fixture
def row(tmp_path: Path, model: Path) -> Reckon:
    """Reckons a model on a computer."""

    def made(
        known: Computer,
        models: Models | None = None,
        *,
        path: Path = model,
        beside: LoadedModel | None = None,
    ) -> Row:
        return view(tmp_path, known, models or Models()).comparing(beside).row(str(path))

    return made


def test_the_ways_are_the_plan_contexts_caches_and_less_memory(row: Reckon) -> None:
    assert [way.name for way in WAYS] == [
        "As it is", "4,096 tokens", "8,192 tokens", "32,768 tokens", "As trained",
        "f16", "q8_0", "q4_0", "Less memory",
    ]  # fmt: skip
    assert list(row(computer()).cells) == list(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_each_cell_is_what_a_load_with_its_wishes_would_do(
    tmp_path: Path, model: Path, row: Reckon, way: Way
) -> None:
    known, models = computer(), Models()
    cell = row(known, models).cells[way]
    models.wish(str(model), cell.outlook.wanted)
    assert cell.made == planned(tmp_path, known, models, model)


def test_a_cell_has_its_context_and_cache_and_all_of_its_memory(row: Reckon) -> None:
    cells = row(computer()).cells
    found = {way: (cell.made.n_ctx, cell.made.type_k) for way, cell in cells.items() if cell.made}
    assert found[AS_IT_IS] == found[USUAL] == (8192, "f16")
    assert (found[SMALL], found[LARGE]) == ((4096, "f16"), (32_768, "f16"))
    assert (found[Q8], found[Q4]) == ((8192, "q8_0"), (8192, "q4_0"))
    assert found[THRIFTY] == (4096, "q8_0")
    sizes = [cells[way].total for way in (THRIFTY, SMALL, USUAL, LARGE)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4
    assert cells[LARGE].total == sum(use.total for use in cells[LARGE].outlook.memory)
    assert {cell.fits for way, cell in cells.items() if way is not TRAINED} == {Fits.WANTED}


def test_less_memory_is_what_the_setting_for_all_models_does(
    tmp_path: Path, model: Path, row: Reckon
) -> None:
    cell = row(computer()).cells[THRIFTY]
    wanted = planned(tmp_path, computer(), Models(less_memory=True), model)
    assert cell.made is not None
    assert replace(cell.made, reasons=()) == replace(wanted, reasons=())


def test_what_is_kept_for_a_model_holds_where_a_way_does_not_change_it(
    model: Path, row: Reckon
) -> None:
    models = Models()
    models.wish(str(model), WishSetting(context=2048, threads=3, ubatch=64))
    cells = row(computer(), models).cells
    wanted = {way: cell.outlook.wanted for way, cell in cells.items()}
    assert wanted[AS_IT_IS] == WishSetting(context=2048, threads=3, ubatch=64)
    assert wanted[LARGE] == WishSetting(context=32_768, threads=3, ubatch=64)
    assert wanted[Q8].context == wanted[THRIFTY].context == 2048
    assert wanted[THRIFTY].ubatch == 64
    assert models.wishes[str(model)].context == 2048, "nothing is kept by looking"


def test_what_has_less_room_than_is_wanted_says_what_came_of_it(row: Reckon) -> None:
    cell = row(computer(6)).cells[TRAINED]
    assert cell.fits is Fits.SMALLER
    assert cell.is_cache_other
    assert cell.is_context_less
    assert cell.sentence.startswith("As it is set it would take 12.")
    assert "131,072 would not fit" in cell.sentence
    roomy = row(computer(6)).cells[SMALL]
    assert (roomy.fits, roomy.is_context_less, roomy.is_cache_other) == (Fits.WANTED, False, False)
    assert roomy.sentence == "It fits as it is wanted."


def test_a_context_beyond_the_trained_one_is_not_what_was_wanted(folder: Path, row: Reckon) -> None:
    short = gguf_small.model(
        folder / "short.gguf", "Short", llama__context_length=2048, llama__block_count=1
    )
    cells = row(computer(), path=short).cells
    assert cells[LARGE].fits is Fits.SMALLER
    assert cells[LARGE].is_context_less
    assert "trained for no more" in cells[LARGE].sentence
    assert cells[TRAINED].fits is cells[AS_IT_IS].fits is Fits.WANTED


def test_an_unknown_trained_context_is_said(folder: Path, row: Reckon) -> None:
    silent = gguf_small.model(folder / "silent.gguf", "Silent", llama__block_count=1)
    cells = row(computer(), path=silent).cells
    assert "not known for how long a context" in cells[TRAINED].sentence
    assert "not known" not in cells[LARGE].sentence


@pytest.mark.parametrize(
    ("free", "total", "fits"),
    [(12, 16, Fits.WANTED), (3, 16, Fits.CROWDED), (3, 4, Fits.NEVER)],
)
def test_whether_a_model_fits_turns_on_what_is_free_and_what_there_is(
    row: Reckon, free: float, total: float, fits: Fits
) -> None:
    known = replace(computer(), memory=Memory(round(total * GB), round(free * GB)))
    cell = row(known).cells[USUAL]
    assert cell.fits is fits
    assert (cell.made is None) == (fits is Fits.NEVER)
    told = {
        Fits.WANTED: "It fits as it is wanted.",
        Fits.CROWDED: "close other programs",
        Fits.NEVER: "needs 4.",
    }
    assert told[fits] in cell.sentence
    assert cell.total > 4 * GB


def test_a_plan_that_maps_its_weights_is_not_taken_for_a_crowded_one(row: Reckon) -> None:
    cells = row(computer(5.5)).cells
    mapped = [cell for cell in cells.values() if cell.made and cell.made.use_mmap]
    assert mapped
    assert all("close other programs" not in cell.sentence for cell in mapped)
    assert Fits.CROWDED not in {cell.fits for cell in mapped}


def test_layers_are_told_where_there_is_a_card(row: Reckon) -> None:
    assert row(computer()).cells[AS_IT_IS].layers is None
    whole, part = row(computer(12, 10)).cells[AS_IT_IS], row(computer(12, 4)).cells[LARGE]
    assert whole.layers == (29, 29)
    assert [use.device for use in whole.outlook.memory][-1] == "Card 0"
    assert part.layers is not None
    assert 0 < part.layers[0] < part.layers[1] == 29


def test_more_layers_than_a_card_can_hold_do_not_fit(model: Path, row: Reckon) -> None:
    models = Models()
    models.wish(str(model), WishSetting(gpu_layers=-1))
    cell = row(computer(12, 4), models).cells[AS_IT_IS]
    assert cell.fits is Fits.NEVER
    assert "put fewer layers on it" in cell.sentence
    assert cell.made is not None, "it can be tried none the less"


def test_what_is_loaded_is_marked_and_counts_as_free_for_the_others(
    tmp_path: Path, model: Path, other: Path, row: Reckon
) -> None:
    known = computer(8)
    in_use = loaded(planned(tmp_path, known, Models(), model))
    mine = row(known, beside=in_use)
    assert {way for way, cell in mine.cells.items() if cell.is_loaded} == {AS_IT_IS, USUAL, F16}
    alone, beside = row(known, path=other), row(known, path=other, beside=in_use)
    before, after = (one.cells[AS_IT_IS].outlook.memory[0].free for one in (alone, beside))
    assert before is not None
    assert after == before + mine.cells[AS_IT_IS].total
    assert not any(cell.is_loaded for cell in beside.cells.values())


def test_a_loaded_model_whose_file_has_gone_gives_nothing_back(
    tmp_path: Path, model: Path, other: Path, row: Reckon
) -> None:
    plan = planned(tmp_path, computer(), Models(), model)
    gone = loaded(replace(plan, path=str(tmp_path / "gone.gguf")))
    assert row(computer(), path=other, beside=gone).cells == row(computer(), path=other).cells


def test_what_cannot_be_read_or_cannot_chat_has_its_sentence(folder: Path, row: Reckon) -> None:
    damaged = folder / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + b"\0" * 60)
    projector = gguf_small.projector(folder / "mmproj.gguf")
    said = {path: row(computer(), path=path) for path in (damaged, projector, folder / "gone.gguf")}
    assert all(one.problem and not one.cells for one in said.values())
    assert "projector" in said[projector].problem
    assert said[damaged].name == "damaged.gguf"

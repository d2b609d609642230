"""What the library says of a model, by a few figures, is what the plan of its load will do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import gguf
from app.errors import ModelTooLarge
from app.library import facts, verdicts
from app.library.hub.verdict import by_header
from app.library.records import Kind, LibraryModel
from app.library.verdicts import Fit
from app.llm.optimizer import needs
from app.llm.optimizer.embedding_plan import embedding_plan
from app.llm.optimizer.machine.records import Computer, Gpu, Memory
from app.llm.optimizer.needs import Needs
from app.llm.optimizer.planning import plan
from app.llm.optimizer.room import GPU_MARGIN, SYSTEM_MARGIN, Released, room
from app.schema import Hardware, LoadPlan
from tests.fakes import shaped_models
from tests.fakes.headers import dense

GB, GIB = 1_000_000_000, 1 << 30
FITS, REDUCED, CROWDED, REFUSED = "fits", "reduced", "crowded", "refused"
SAID = {
    Fit.NOW: FITS, Fit.PARTLY: FITS, Fit.REDUCED: REDUCED, Fit.CROWDED: CROWDED,
    Fit.NEVER: REFUSED,
}  # fmt: skip
NEAR = (0.93, 0.97, 1.03, 1.07)  # with a card the figures are right to within a layer or so


def computer(total: int, free: int, *cards: int, unified: bool = False) -> Computer:
    """One with so many bytes for models, on each card too."""
    gpus = tuple(
        Gpu(
            f"Card {number}",
            total=card + GPU_MARGIN,
            free=card + GPU_MARGIN,
            is_usable=True,
            is_unified=unified,
        )
        for number, card in enumerate(cards)
    )
    return Computer(memory=Memory(total + SYSTEM_MARGIN, free + SYSTEM_MARGIN), gpus=gpus)


def planned(here: Computer, header: gguf.Header) -> LoadPlan | None:
    try:
        return plan(here, header)
    except ModelTooLarge:
        return None


def outcome(made: LoadPlan | None) -> str:
    """What the person is told of a load."""
    if made is None:
        return REFUSED
    told = " ".join(reason.sentence for reason in made.reasons if reason.is_notice)
    if "close other programs" in told:
        return CROWDED
    return REDUCED if told else FITS


def has_all(made: LoadPlan, header: gguf.Header) -> bool:
    """Whether graphics cards have the whole model."""
    is_part = 0 <= made.n_gpu_layers <= header.shape("block_count")
    return not is_part and not made.cpu_expert_layers


def model(header: gguf.Header, kind: Kind = Kind.CHAT) -> LibraryModel:
    """A file of the library with the facts that are kept of it."""
    taken = facts.of(header).taken
    path = header.path
    return LibraryModel(path, (path,), "Name", kind, size=header.file_size, taken=taken)


def of_size(size: int, here: Computer) -> Fit:
    return verdicts.of_needs(verdicts.by_rule(size), room(here))


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, gguf.Header]:
    folder = tmp_path_factory.mktemp("shapes")
    return {
        name: gguf.read(shaped_models.write(folder / f"{name}.gguf", name))
        for name in shaped_models.names()
    }


@pytest.mark.parametrize("name", shaped_models.names())
def test_without_a_card_the_library_says_what_the_plan_does_to_the_byte(
    headers: dict[str, gguf.Header], name: str
) -> None:
    header = headers[name]
    needed = needs.of(header)
    seen = set()
    for free, total in (
        (needed.usual, needed.usual),
        (needed.usual - 1, needed.usual),
        (needed.least, needed.usual),
        (needed.least - 1, needed.usual),
        (needed.least - 1, needed.least),
        (needed.least - 1, needed.least - 1),
    ):
        here = computer(total, free)
        said = outcome(planned(here, header))
        assert SAID[verdicts.of_model(model(header), here)] == said
        assert SAID[by_header(header, header.file_size, here).verdict] == said
        seen.add(said)
    assert seen == {FITS, REDUCED, CROWDED, REFUSED}


def with_cards() -> Iterator[Computer]:
    for total in (4, 24):
        for share in (1.0, 0.5):
            for cards in ((2,), (7,), (11,), (23,), (7, 7), (23, 11)):
                free = round(total * share * GB)
                yield computer(total * GB, free, *(card * GIB for card in cards))


def near(here: Computer, share: float) -> Computer:
    """A computer that is a little larger or smaller."""
    memory = Memory(
        *(round(count * share) for count in (here.memory.total or 0, here.memory.available or 0))
    )
    gpus = tuple(
        replace(gpu, total=round((gpu.total or 0) * share), free=round((gpu.free or 0) * share))
        for gpu in here.gpus
    )
    return replace(here, memory=memory, gpus=gpus)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gemma3n", "phi3", "mixtral"])
def test_with_cards_the_library_says_what_the_plan_does(
    headers: dict[str, gguf.Header], name: str
) -> None:
    header, one = headers[name], model(headers[name])
    seen = set()
    for here in with_cards():
        fit = verdicts.of_model(one, here)
        made = planned(here, header)
        said = outcome(made)
        seen.add(fit)
        assert SAID[by_header(header, header.file_size, here).verdict] == said
        assert made is None or fit is not Fit.NEVER, "what loads is never refused"
        if SAID[fit] != said:
            others = (outcome(planned(near(here, share), header)) for share in NEAR)
            assert SAID[fit] in others, (here.memory, here.gpus, fit, said)
        elif made is not None and said == FITS and made.n_gpu_layers:
            assert (fit is Fit.NOW) is has_all(made, header), (here.memory, here.gpus)
            assert by_header(header, header.file_size, here).verdict is fit
    assert {Fit.NOW, Fit.PARTLY} <= seen
    assert len(seen) >= 3


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_where_the_card_shares_the_memory_the_library_says_what_the_plan_does(
    headers: dict[str, gguf.Header], name: str
) -> None:
    header, one = headers[name], model(headers[name])
    seen = set()
    for total in (3, 5, 6, 7, 9):
        for share in (1.0, 0.6):
            for card in (2, 5, 20):
                free = round(total * share * GB)
                here = computer(total * GB, free, card * GIB, unified=True)
                fit, said = verdicts.of_model(one, here), outcome(planned(here, header))
                others = (outcome(planned(near(here, each), header)) for each in NEAR)
                assert SAID[fit] == said or SAID[fit] in others, (total, share, card, fit, said)
                seen.add(said)
    assert seen == {FITS, REDUCED, CROWDED, REFUSED}


def test_a_model_that_gives_its_memory_back_makes_room_for_the_next() -> None:
    header = dense()
    needed, here = needs.of(header), computer(64 * GB, 5 * GB)
    assert verdicts.of_model(model(header), here) is Fit.CROWDED
    assert verdicts.of_model(model(header), here, Released(needed.usual)) is Fit.NOW
    judged = by_header(header, header.file_size, here, released=Released(needed.usual))
    assert judged.verdict is Fit.NOW


def test_of_a_split_model_all_parts_count() -> None:
    whole = dense()
    metadata = {**whole.metadata, "split.count": 2}
    half = len(whole.tensors) // 2
    size = sum(tensor.size or 0 for tensor in whole.tensors[:half])
    first = replace(whole, metadata=metadata, tensors=whole.tensors[:half], file_size=size)
    needed = needs.of(whole)
    one = replace(model(first), size=whole.file_size)
    for free in (needed.usual * 1.01, needed.usual * 0.99, needed.least * 0.99):
        here = computer(64 * GB, round(free))
        fit = verdicts.of_model(model(whole), here)
        assert verdicts.of_model(one, here) is fit
        assert by_header(first, whole.file_size, here).verdict is fit


def test_what_makes_vectors_is_judged_as_it_is_loaded_for_that() -> None:
    header = dense(layers=2, width=512, heads=8, vocabulary=1000, pooling_type=1)
    one, needed = model(header, Kind.EMBEDDING), needs.of(header).usual
    with_card = replace(computer(0, 0, 24 * GIB), memory=Memory(needed - 1, needed - 1))
    assert verdicts.of_model(one, with_card) is Fit.NEVER  # it is never put on the card
    for free, fit in ((needed, Fit.NOW), (needed - 1, Fit.CROWDED)):
        here = Computer(memory=Memory(needed, free))
        assert verdicts.of_model(one, here) is fit
        assert by_header(header, 0, here).verdict is fit
        hardware = Hardware(4, needed, free)
        if fit is Fit.NOW:
            assert embedding_plan(hardware, header).for_embedding
        else:
            with pytest.raises(ModelTooLarge):
                embedding_plan(hardware, header)


def test_a_file_whose_header_was_not_read_is_judged_by_a_rule_of_thumb() -> None:
    unread = LibraryModel(Path("/m.gguf"), (Path("/m.gguf"),), "Name", Kind.CHAT, size=5 * GB)
    for free, fit in ((7, Fit.NOW), (6, Fit.REDUCED), (5, Fit.CROWDED)):
        assert verdicts.of_model(unread, computer(16 * GB, free * GB)) is fit
    assert verdicts.of_model(unread, computer(5 * GB, 5 * GB)) is Fit.NEVER
    assert of_size(5 * GB, computer(5 * GB, 5 * GB, 8 * GB)) is Fit.NOW
    assert of_size(5 * GB, computer(5 * GB, 5 * GB, 3 * GB)) is Fit.PARTLY
    assert of_size(5 * GB, Computer()) is Fit.NOW  # nothing is known


def test_the_largest_file_that_fits_counts_the_card_in() -> None:
    for here in (computer(16 * GB, 16 * GB), computer(16 * GB, 16 * GB, 8 * GB)):
        size = verdicts.largest(here)
        assert of_size(size - GB, here) in (Fit.NOW, Fit.PARTLY)
        assert of_size(size + GB, here) not in (Fit.NOW, Fit.PARTLY)
    assert verdicts.largest(computer(GB // 2, 0)) == 0


def test_what_is_kept_of_a_file_comes_back_as_it_was() -> None:
    made = facts.of(dense(layers=2, width=512, heads=8, vocabulary=1000))
    assert isinstance(made.taken, Needs)
    assert made.taken.least < made.taken.usual
    assert facts.Facts.from_json(made.as_json()) == made

"""This computer as models are judged by it: with the person's wishes, and with what is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app import gguf
from app.errors import ModelLoadError
from app.library import facts
from app.library.judging import Judge, Judging
from app.library.records import HubFile, HubModel, Kind, LibraryModel
from app.library.shelf import Choice, ShelfModel
from app.library.verdicts import Fit
from app.llm.optimizer import needs
from app.llm.optimizer.machine.records import Computer, Memory
from app.llm.optimizer.room import NOTHING_RELEASED, SYSTEM_MARGIN, Released
from app.llm.optimizer.wishes import Wishes
from tests.fakes.headers import dense

GB = 1_000_000_000
LLAMA_8B = dense()
NEEDED = needs.of(LLAMA_8B)


@dataclass
class FixedSurvey:
    known: Computer

    def now(self) -> Computer:
        return self.known


def computer(free: int, total: int = 64 * GB) -> Computer:
    return Computer(memory=Memory(total + SYSTEM_MARGIN, free + SYSTEM_MARGIN))


def judge(here: Computer, wishes: Wishes | None = None) -> Judge:
    return Judging(FixedSurvey(here), lambda: wishes or Wishes()).look()


def offer(size: int, kind: Kind = Kind.CHAT) -> HubModel:
    return HubModel("a/b", "c0ffee", "model", (HubFile("model.gguf", size),), "Q8_0", kind)


def of_library(header: gguf.Header, kind: Kind = Kind.CHAT) -> LibraryModel:
    path = Path(f"/models/{kind}.gguf")
    taken = facts.of(header).taken
    return LibraryModel(path, (path,), "Name", kind, size=header.file_size, taken=taken)


def test_only_what_is_loaded_by_itself_is_judged() -> None:
    models = [of_library(LLAMA_8B, kind) for kind in Kind]
    fits = judge(computer(32 * GB)).fits(models)
    assert fits == {Path("/models/chat.gguf"): Fit.NOW, Path("/models/embedding.gguf"): Fit.NOW}


def test_what_the_loaded_model_gives_back_counts_everywhere() -> None:
    survey = FixedSurvey(computer(2 * GB))
    model, file = of_library(LLAMA_8B), offer(LLAMA_8B.file_size)
    recommended = ShelfModel("S", "a/b", "Q8_0", 8 * GB, "MIT", "tests").with_choice(
        Choice("Q8_0", 8 * GB, "*.gguf")
    )
    for released, fit in ((NOTHING_RELEASED, Fit.CROWDED), (Released(10 * GB), Fit.NOW)):
        judging = Judging(survey, released=lambda released=released: released)  # type: ignore[misc]
        found = judging.look()
        assert set(found.fits([model]).values()) == {fit}
        assert found.offered(file, LLAMA_8B).verdict is fit
        assert found.offered(file, None).verdict is fit
        assert found.own(file, LLAMA_8B).verdict is fit
        assert found.on_shelf([recommended]) == [(recommended, fit)]


def test_a_loaded_model_whose_file_is_gone_gives_nothing_back_that_is_known() -> None:
    def gone() -> Released:
        raise ModelLoadError("It is gone.")

    found = Judging(FixedSurvey(computer(32 * GB)), released=gone).look()
    assert found.released == NOTHING_RELEASED


def test_a_context_that_nobody_chose_may_become_smaller_and_a_chosen_one_does_not() -> None:
    deep = dense(kv_heads=32)
    found = judge(computer(needs.of(deep).usual - GB))
    assert found.usual_context == 8192
    usual = found.offered(offer(deep.file_size), deep, found.usual_context)
    assert (usual.context, usual.wanted, usual.cache) == (4096, 8192, "")
    chosen = found.offered(offer(deep.file_size), deep, 7000)
    assert (chosen.context, chosen.cache) == (7000, "q8_0")


def test_the_wishes_of_the_settings_are_those_of_the_load() -> None:
    free = NEEDED.usual - GB // 2
    file = offer(LLAMA_8B.file_size)
    assert judge(computer(free)).offered(file, LLAMA_8B).verdict is Fit.REDUCED
    thrifty = judge(computer(free), Wishes(less_memory=True))
    assert thrifty.usual_context == 4096
    assert thrifty.offered(file, LLAMA_8B, thrifty.usual_context).verdict is Fit.NOW


def test_what_is_no_chat_model_is_judged_by_its_size() -> None:
    found = judge(computer(32 * GB))
    assert not found.offered(offer(GB, Kind.EMBEDDING), LLAMA_8B).is_exact
    assert found.offered(offer(GB), LLAMA_8B).is_exact
    assert not found.own(offer(GB), None).is_exact


def test_the_memory_is_told_in_sentences() -> None:
    text = judge(computer(4 * GB, 16 * GB)).memory()
    assert text.startswith("This computer has 16.3 GB of memory, of which 4.3 GB are free now. ")
    assert " A model file may have up to about 13.6 GB. " in text
    assert "is not known" in judge(Computer()).memory()

"""Whether a model fits before it is fetched, in words too, and when to ask for changes again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import gguf
from app.library import describing
from app.library.hub import changes, verdict
from app.library.hub.verdict import Judgement
from app.library.verdicts import Fit
from app.llm.optimizer import needs
from app.llm.optimizer.machine.records import Computer, Gpu, Memory
from app.llm.optimizer.planning import Beside, plan
from app.llm.optimizer.room import GPU_MARGIN, SYSTEM_MARGIN
from app.llm.optimizer.wishes import NO_WISHES, Wishes
from tests.fakes.headers import dense

GB, GIB = 1_000_000_000, 1 << 30
LLAMA_8B = dense()  # about 8.5 GB in Q8_0


def computer(total: float, free: float, *cards: float, unified: bool = False) -> Computer:
    """One with so many GB for models, on each card too."""
    gpus = tuple(
        Gpu("Card", total=size, free=size, is_usable=True, is_unified=unified)
        for size in (round(card * GB) + GPU_MARGIN for card in cards)
    )
    memory = Memory(round(total * GB) + SYSTEM_MARGIN, round(free * GB) + SYSTEM_MARGIN)
    return Computer(memory=memory, gpus=gpus)


@pytest.fixture
def header(tiny: Path) -> gguf.Header:
    return gguf.read(tiny)


def said(here: Computer, wishes: Wishes = NO_WISHES, model: gguf.Header = LLAMA_8B) -> str:
    return describing.judgement(verdict.by_header(model, model.file_size, here, wishes))


# The verdict, and what is said of it


@pytest.mark.parametrize(
    ("size", "expected"),
    [(5, Fit.NOW), (7, Fit.REDUCED), (8, Fit.CROWDED), (16, Fit.NEVER), (0, Fit.NOW)],
)
def test_by_the_size_alone_it_is_a_rule_of_thumb(size: int, expected: Fit) -> None:
    judged = verdict.by_size(size * GB, computer(16, 8))
    assert judged.verdict is expected
    assert not judged.is_exact
    assert (judged.available, judged.total, judged.gpu) == (8 * GB, 16 * GB, 0)
    assert judged.needed > size * GB
    assert "about" in describing.judgement(judged)


@pytest.mark.parametrize(
    ("size", "card", "expected"),
    [
        (5, 12, Fit.NOW),
        (10, 8, Fit.PARTLY),
        (19, 8, Fit.CROWDED),
        (40, 8, Fit.NEVER),
        (5, 0.4, Fit.NOW),  # a card of no use
    ],
)
def test_a_graphics_card_holds_the_whole_or_a_part(size: int, card: float, expected: Fit) -> None:
    assert verdict.by_size(size * GB, computer(16, 8, card)).verdict is expected


def test_the_header_of_a_model_that_fits_says_what_it_needs() -> None:
    needed = needs.of(LLAMA_8B)
    assert said(computer(64, 12)) == (
        f"Fits: it needs {needed.usual / GB:.1f} GB with 8,192 tokens of context, and 12.0 GB of "
        "memory are free."
    )
    assert said(computer(64, 12, 20)) == (
        f"Fits: it needs {needed.on_card / GB:.1f} GB on the graphics card with 8,192 tokens of "
        "context, and 20.0 GB are free there."
    )
    shared = said(computer(64, 20, 40, unified=True))
    assert shared.endswith("and 20.0 GB of memory are free.")


def test_a_model_that_a_card_has_in_part_says_where_it_finds_room() -> None:
    text = said(computer(64, 12, 5))
    assert text.startswith("Fits partly on the graphics card: it needs ")
    assert text.endswith("and 5.0 GB on the graphics card and 12.0 GB of memory are free.")
    experts = dense(experts=8)
    assert verdict.by_header(experts, 0, computer(64, 60, 20)).verdict is Fit.PARTLY


def test_a_smaller_context_is_said_with_its_number() -> None:
    deep = dense(kv_heads=32)  # 4 GiB of KV cache for 8,192 tokens
    needed = needs.of(deep)
    free = (needed.usual - GB) / GB
    judged = verdict.by_header(deep, 0, computer(64, free))
    made = plan(computer(64, free), deep)
    assert (judged.verdict, judged.context, judged.wanted) == (Fit.REDUCED, made.n_ctx, 8192)
    assert said(computer(64, free), model=deep).startswith("Fits with a smaller context: it needs ")
    assert " with 4,096 tokens of context instead of 8,192, and " in said(
        computer(64, free), model=deep
    )
    text = said(computer(64, (needed.least + 1000) / GB), model=deep)
    assert text.startswith("Fits with a smaller context and KV cache: it needs ")
    assert " 2,048 tokens of context instead of 8,192 and a KV cache of the type q8_0, " in text


def test_a_context_that_was_asked_for_is_kept_as_long_as_possible() -> None:
    deep = dense(kv_heads=32)
    free = (needs.of(deep).usual - GB) / GB
    judged = verdict.by_header(deep, 0, computer(64, free), Wishes(context=8192))
    assert (judged.verdict, judged.context, judged.cache) == (Fit.REDUCED, 8192, "q8_0")
    assert "Fits with a smaller KV cache: " in describing.judgement(judged)


def test_a_model_for_which_others_must_end_says_so() -> None:
    text = said(computer(64, 4))
    assert text.startswith("Fits when other programs are closed: it needs ")
    assert "4.0 GB of memory are free, and this computer has 64.0 GB of memory for it." in text
    beside = said(computer(64, 0.1, 3))
    assert "GB of memory beside the graphics card with" in beside


def test_a_model_that_never_fits_says_what_it_needs_at_the_least() -> None:
    least = needs.of(LLAMA_8B).least
    assert said(computer(6, 6)) == (
        f"Too large: it needs at least {least / GB:.1f} GB, and this computer has 6.0 GB of "
        "memory for it."
    )
    judged = verdict.by_header(LLAMA_8B, 0, computer(2, 2, 2))
    assert judged.needed > judged.total + judged.gpu
    assert describing.judgement(judged).endswith("for it, and 2.0 GB on the graphics card.")


def test_where_the_memory_is_not_known_nothing_is_refused() -> None:
    assert said(Computer()).startswith("Fits: it needs ")
    assert said(Computer()).endswith(" with 8,192 tokens of context.")


# What is judged


def test_more_context_needs_more_up_to_the_trained_one(header: gguf.Header) -> None:
    facts = computer(16, 8)
    small, large, beyond = (
        verdict.by_header(header, 0, facts, Wishes(context=count)) for count in (128, 512, 1 << 20)
    )
    assert large.needed > small.needed
    assert (beyond.needed, beyond.context) == (large.needed, 512)


def test_a_projector_beside_it_counts(header: gguf.Header) -> None:
    alone = verdict.by_header(header, 0, computer(16, 8))
    seeing = replace(header, metadata={"general.architecture": "clip"})
    both = verdict.by_header(header, 0, computer(16, 8), beside=Beside(projector=seeing))
    assert both.needed >= alone.needed + header.weights_size


def test_of_a_split_model_all_parts_count(header: gguf.Header) -> None:
    first = replace(header, metadata={**header.metadata, "split.count": 3})
    whole = verdict.by_header(header, 0, computer(16, 8))
    split = verdict.by_header(first, 5 * GB, computer(16, 8))
    assert split.needed - 5 * GB == whole.needed - header.weights_size


def test_the_header_of_another_quantisation_tells_all_but_the_weights() -> None:
    own = verdict.by_header(LLAMA_8B, LLAMA_8B.file_size, computer(64, 32))
    finer = verdict.by_header(LLAMA_8B, 16 * GB, computer(64, 32), is_sibling=True)
    assert finer.needed - own.needed == 16 * GB - LLAMA_8B.weights_size


def test_what_cannot_be_loaded_by_itself_is_judged_by_its_size(header: gguf.Header) -> None:
    projector = replace(header, metadata={"general.architecture": "clip"})
    judged = verdict.by_header(projector, 0, computer(16, 8))
    assert (judged.verdict, judged.needed) == (Fit.NOW, header.weights_size)
    assert needs.memory(projector) == header.weights_size


def test_a_model_that_makes_vectors_is_put_on_no_card(header: gguf.Header) -> None:
    made = replace(header, metadata={**header.metadata, "llama.pooling_type": 3})
    judged = verdict.by_header(made, 0, computer(16, 8, 24))
    assert (judged.verdict, judged.gpu, judged.needed) == (Fit.NOW, 0, needs.memory(made))


def test_every_verdict_has_its_words() -> None:
    assert describing.VERDICTS.keys() == set(Fit)
    for fit in Fit:
        judged = Judgement(fit, 2 * GB, 8 * GB, 16 * GB, GB, 8192)
        assert "2.0 GB" in describing.judgement(judged)


# When changes are asked for

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "is_due"), [(0, False), (6.9, False), (7, True), (100, True), (-0.1, True)]
)
def test_changes_are_asked_for_once_a_week(days: float, is_due: bool) -> None:
    last = NOW - timedelta(days=days)
    assert changes.is_due(last, NOW, allowed=True) is is_due
    assert not changes.is_due(last, NOW, allowed=False)


def test_changes_are_asked_for_soon_once_it_is_allowed() -> None:
    assert changes.is_due(None, NOW, allowed=True)
    assert not changes.is_due(None, NOW, allowed=False)

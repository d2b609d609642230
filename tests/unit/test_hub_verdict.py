"""Whether a model fits before it is fetched, and when to ask for changes again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import gguf
from app.errors import ModelTooLarge
from app.library.hub import changes, verdict
from app.library.hub.verdict import GPU_MARGIN, Verdict
from app.llm.optimizer import needs
from app.llm.optimizer.embedding_plan import embedding_plan
from app.schema import Hardware

GB = 1_000_000_000


def computer(total: float, free: float) -> Hardware:
    return Hardware(4, round(total * GB), round(free * GB))


@pytest.fixture
def header(tiny: Path) -> gguf.Header:
    return gguf.read(tiny)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(5, Verdict.WHOLE), (7, Verdict.CROWDED), (14, Verdict.NEVER), (0, Verdict.WHOLE)],
)
def test_without_a_graphics_card_the_free_memory_decides(size: int, expected: Verdict) -> None:
    judged = verdict.by_size(size * GB, computer(total=16, free=8))
    assert judged.verdict is expected
    assert not judged.is_exact
    assert (judged.available, judged.total, judged.gpu) == (8 * GB, 16 * GB, 0)
    assert judged.needed > size * GB


@pytest.mark.parametrize(
    ("size", "gpu", "expected"),
    [
        (5, 12, Verdict.WHOLE),
        (10, 8, Verdict.PARTLY),
        (19, 8, Verdict.CROWDED),
        (40, 8, Verdict.NEVER),
        (5, 0.5, Verdict.WHOLE),  # a card of no use
    ],
)
def test_a_graphics_card_holds_the_whole_or_a_part(
    size: int, gpu: float, expected: Verdict
) -> None:
    judged = verdict.by_size(size * GB, computer(16, 8), gpu=round(gpu * GB))
    assert judged.verdict is expected


def test_the_limits_are_exact(header: gguf.Header) -> None:
    needed = needs.memory(header)
    gpu = needed + GPU_MARGIN
    for free, total, card, expected in (
        (needed, needed, 0, Verdict.WHOLE),
        (needed - 1, needed, 0, Verdict.CROWDED),
        (needed - 1, needed - 1, 0, Verdict.NEVER),
        (0, 0, gpu, Verdict.WHOLE),
        (1, 1, gpu - 1, Verdict.PARTLY),
        (0, 1, gpu - 1, Verdict.CROWDED),
        (0, 0, gpu - 1, Verdict.NEVER),
    ):
        judged = verdict.by_header(header, 0, Hardware(4, total, free), gpu=card)
        assert judged.verdict is expected
        assert judged.needed == needed


def test_more_context_needs_more_up_to_the_trained_one(header: gguf.Header) -> None:
    facts = computer(16, 8)
    small, large = (verdict.by_header(header, 0, facts, context=n) for n in (128, 512))
    assert large.needed > small.needed
    beyond = verdict.by_header(header, 0, facts, context=1 << 20)
    assert (beyond.needed, beyond.context) == (large.needed, 512)


def test_a_projector_beside_it_counts(header: gguf.Header) -> None:
    alone = verdict.by_header(header, 0, computer(16, 8))
    assert verdict.by_header(header, 0, computer(16, 8), beside=GB).needed == alone.needed + GB


def test_of_a_split_model_all_parts_count(header: gguf.Header) -> None:
    first = replace(header, metadata={**header.metadata, "split.count": 3}, tensors=())
    whole = verdict.by_header(header, 0, computer(16, 8))
    split = verdict.by_header(first, 5 * GB, computer(16, 8))
    assert split.needed - 5 * GB == whole.needed - header.weights_size


def test_what_makes_vectors_is_judged_as_it_is_loaded_for_that(header: gguf.Header) -> None:
    made = replace(header, metadata={**header.metadata, "llama.pooling_type": 3})
    needed = needs.memory(made)
    assert embedding_plan(Hardware(4, needed, needed), made).for_embedding
    with pytest.raises(ModelTooLarge):
        embedding_plan(Hardware(4, needed, needed - 1), made)


def test_a_projector_alone_takes_its_own_size(header: gguf.Header) -> None:
    projector = replace(header, metadata={"general.architecture": "clip"})
    assert needs.memory(projector) == header.weights_size


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

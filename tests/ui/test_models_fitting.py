"""What the models page says of this computer's memory and cards, and of what finds room there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton

from app.llm.optimizer.machine.records import Computer, Gpu, Memory
from tests.fakes import gguf_small, shaped_models
from tests.fakes.hub.content import Content
from tests.fakes.hub.server import FakeHub
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import FixedSurvey
from tests.ui.models_use import Shop, open_shop

GIB = 1 << 30
REPO = "owner/Wide-GGUF"


def computer(total: float, free: float, *cards: float) -> Computer:
    """One with so many GiB, and cards with so many."""
    gpus = tuple(
        Gpu("Card", total=round(card * GIB), free=round(card * GIB), is_usable=True)
        for card in cards
    )
    return Computer(memory=Memory(round(total * GIB), round(free * GIB)), gpus=gpus)


@contextmanager
def shop_on(run: Run, home: Path, known: Computer, hub: str = "") -> Iterator[Shop]:
    """The models page of a window on that computer."""
    made = run(open_shop(home, hub=hub, survey=FixedSurvey(known)))
    run(made.play(made.open()))
    yield made
    run(made.desk.close())
    settle()


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (computer(16, 12), "fits"),
        (computer(16, 5.2), "fits with a smaller context or cache"),
        (computer(16, 3), "fits when other programs are closed"),
        (computer(4, 4), "too large for this computer"),
        (computer(16, 12, 8), "fits"),
        (computer(16, 12, 4), "fits partly on the graphics card"),
        (computer(4, 4, 8), "fits"),
    ],
)
def test_a_row_says_what_a_load_would_do(
    run: Run, tmp_path: Path, known: Computer, state: str
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    shaped_models.write(folder / "llama.gguf", "llama")  # 4.8 GB

    async def scenario() -> None:
        await shop.choose("llama")
        await until(lambda: shop.row("llama")[1] == state)
        await until(lambda: shop.card()["Fits here"] == state)
        assert shop.part(QPushButton, "loadModelButton").isEnabled()

    with shop_on(run, tmp_path, known) as shop:
        run(shop.play(scenario()))


def test_the_page_says_what_there_is_in_memory_and_on_the_card(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        await until(lambda: shop.part(QLabel, "computerText").text())
        assert shop.part(QLabel, "computerText").text() == (
            "This computer has 17.2 GB of memory, of which 12.9 GB are free now, and 7.5 GB on "
            "the graphics card. A model file may have up to about 20.7 GB. A smaller one answers "
            "faster."
        )

    with shop_on(run, tmp_path, computer(16, 12, 8)) as shop:
        run(shop.play(scenario()))


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub with a model whose context takes 4 GiB for 8,192 tokens."""
    file = gguf_small.model(
        tmp_path / "elsewhere" / "wide.gguf",
        llama__embedding_length=4096,
        llama__block_count=32,
        llama__attention__head_count=32,
        llama__context_length=131_072,
    )
    with FakeHub() as started:
        started.add(REPO, {"Wide-Q4_0.gguf": Content(1_500_000, head=file.read_bytes())})
        yield started


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        (computer(16, 12), "Fits: it needs "),
        (computer(16, 4), "Fits with a smaller context: it needs "),
        (computer(16, 4), "with 4,096 tokens of context instead of 8,192, and "),
        (computer(16, 0.5), "Fits when other programs are closed: it needs "),
        (computer(0.6, 0.6), "Too large: it needs at least "),
        (computer(16, 12, 8), "GB on the graphics card with 8,192 tokens of context, and 7.5 GB "),
    ],
)
def test_before_a_download_the_verdict_is_that_of_the_plan(
    run: Run, tmp_path: Path, fake: FakeHub, known: Computer, sentence: str
) -> None:
    async def scenario() -> None:
        await shop.files(REPO)
        await until(lambda: sentence in shop.texts("finderResults"))

    with shop_on(run, tmp_path, known, fake.url) as shop:
        run(shop.play(scenario()))


def test_a_context_that_is_chosen_is_kept_and_the_cache_made_smaller(
    run: Run, tmp_path: Path, fake: FakeHub
) -> None:
    async def scenario() -> None:
        await shop.files(REPO)
        await until(lambda: "Fits with a smaller context" in shop.texts("finderResults"))
        shop.pick("judgedContext", "4,096 tokens")
        await until(lambda: "Fits: it needs " in shop.texts("finderResults"))
        shop.pick("judgedContext", "16,384 tokens")
        await until(lambda: "tokens of context instead of 16,384" in shop.texts("finderResults"))
        assert "KV cache of the type q8_0" in shop.texts("finderResults")

    with shop_on(run, tmp_path, computer(16, 4), fake.url) as shop:
        run(shop.play(scenario()))

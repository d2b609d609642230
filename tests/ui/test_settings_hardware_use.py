"""What Hearth takes at the moment: looked at once a second, while somebody sees it, and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel

from app.llm.use_meter import CardUse, Use
from app.ui.settings import hardware_words as words
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import HardwarePanel, open_hardware, written_model


@pytest.fixture
def panel(run: Run, tmp_path: Path) -> Iterator[HardwarePanel]:
    made: HardwarePanel = run(open_hardware(tmp_path))
    yield made
    run(made.desk.close())
    settle()


def timers(panel: HardwarePanel) -> list[int]:
    """The pauses of all timers in the section that run now."""
    found = panel.row("use").findChildren(QTimer)
    return [timer.interval() for timer in found if timer.isActive()]


def test_it_looks_only_while_it_is_seen_and_a_model_is_loaded(
    run: Run, panel: HardwarePanel, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await panel.open("hardware")
        text = panel.part(QLabel, "useNow")
        await until(lambda: "No model is loaded" in text.text())
        assert timers(panel) == []
        await panel.load(written_model(tmp_path))
        await until(lambda: panel.use.is_looking)
        assert timers(panel) == [1000]
        assert text.text().startswith("Memory ")
        await until(lambda: text.text().startswith("Processor "))
        panel.page.show_section("chat")
        assert timers(panel) == [], "another section"
        panel.page.show_section("hardware")
        assert timers(panel) == [1000]
        panel.page.search.setText("theme")
        assert timers(panel) == [], "a search that does not find it"
        panel.page.search.clear()
        assert timers(panel) == [1000]
        panel.button("settingsBackButton").click()
        assert timers(panel) == [], "the chat"
        await panel.open()
        await until(lambda: timers(panel) == [1000])
        panel.desk.window.hide()
        assert timers(panel) == [], "no window"
        panel.desk.window.show()
        await until(lambda: timers(panel) == [1000])
        await panel.desk.services.manager.unload()
        await until(lambda: timers(panel) == [])
        assert "No model is loaded" in text.text()

    run(panel.play(scenario()))


def test_the_line_names_processor_memory_and_cards() -> None:
    now = Use(3.24, 8, 4_100_000_000, (CardUse("Some Card", 2_000_000_000, 8_000_000_000),))
    assert words.use(now) == (
        "Processor 40\u00a0% (3.2 of 8 hardware threads) · Memory 4.1 GB · "
        "Some Card 2.0 GB of 8.0 GB"
    )
    assert words.use(Use(None, 8, 1000)) == "Memory 1.0 kB"

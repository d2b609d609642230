"""What Hearth takes at the moment: looked at once a second, while somebody sees it, and no more."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from app.llm.card_use import CardUse
from app.llm.use_meter import Use
from app.schema import EngineBuild, EngineDevice
from app.ui.settings import hardware_words as words
from tests.ui.conftest import PATIENCE, Run, settle, until
from tests.ui.hardware_use import BUILD, GB, HardwarePanel, open_hardware, written_model


@pytest.fixture
def panel(run: Run, tmp_path: Path) -> Iterator[HardwarePanel]:
    made: HardwarePanel = run(open_hardware(tmp_path))
    yield made
    run(made.desk.close())
    settle()


def test_it_looks_only_while_it_is_seen_and_a_model_is_loaded(
    run: Run, panel: HardwarePanel, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await panel.open("hardware")
        text = panel.part(QLabel, "useNow")
        await until(lambda: "No model is loaded" in text.text())
        assert panel.timers("use") == []
        await panel.load(written_model(tmp_path))
        await until(lambda: text.text().startswith("Memory "))
        assert panel.timers("use") == [1000]
        await until(lambda: text.text().startswith("Processor "))
        panel.page.show_section("chat")
        assert panel.timers("use") == [], "another section"
        panel.page.show_section("hardware")
        assert panel.timers("use") == [1000]
        panel.page.search.setText("theme")
        assert panel.timers("use") == [], "a search that does not find it"
        panel.page.search.clear()
        assert panel.timers("use") == [1000]
        panel.button("settingsBackButton").click()
        assert panel.timers("use") == [], "the chat"
        await panel.open()
        await until(lambda: panel.timers("use") == [1000])
        panel.desk.window.hide()
        assert panel.timers("use") == [], "no window"
        panel.desk.window.show()
        await until(lambda: panel.timers("use") == [1000])
        await panel.desk.services.manager.unload()
        await until(lambda: panel.timers("use") == [])
        assert "No model is loaded" in text.text()

    run(panel.play(scenario()))


class Driver:
    """What llama.cpp tells of one card, once the driver answers."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0
        self.waited_in_vain = False

    def build(self) -> EngineBuild:
        self.asked += 1
        self.waited_in_vain |= not self.answers.wait(PATIENCE)
        card = EngineDevice(
            "Vulkan0", "Some Card", "Vulkan", is_gpu=True, free=6 * GB, total=8 * GB
        )
        return replace(BUILD, devices=(card,))


@pytest.fixture
def driver() -> Iterator[Driver]:
    """Before the loop in a test's arguments, so that it hangs until that has ended."""
    made = Driver()
    yield made
    assert not made.waited_in_vain, "the end did not wait for it"
    made.answers.set()


def test_a_driver_that_hangs_delays_nothing(driver: Driver, run: Run, tmp_path: Path) -> None:
    panel: HardwarePanel = run(open_hardware(tmp_path, build=driver.build))

    async def scenario() -> None:
        await panel.open("hardware")
        await panel.load(written_model(tmp_path))
        await panel.until_reckoned()
        text = panel.part(QLabel, "useNow")
        await until(lambda: text.text().endswith("Some Card 2.1 GB of 8.6 GB"))
        driver.answers.clear()
        asked = driver.asked
        await until(lambda: driver.asked > asked)
        shown = text.text()
        await until(lambda: text.text() != shown)
        assert text.text().startswith("Processor "), "the rest is told as ever"
        assert text.text().endswith("Some Card 2.1 GB of 8.6 GB"), "as it was last"
        assert driver.asked == asked + 1

    try:
        run(panel.play(scenario()))
    finally:
        run(panel.desk.close())
        settle()


def test_the_line_names_processor_memory_and_cards() -> None:
    cards = (
        CardUse("Some Card", 2_000_000_000, 8_000_000_000),
        CardUse("Other Card", 1_000_000_000, 8_000_000_000, 37),
    )
    now = Use(3.24, 8, 4_100_000_000, cards)
    assert words.use(now) == (
        "Processor 40\u00a0% (3.2 of 8 hardware threads) · Memory 4.1 GB · "
        "Some Card 2.0 GB of 8.0 GB · Other Card 37\u00a0% busy, 1.0 GB of 8.0 GB"
    )
    assert words.use(Use(None, 8, 1000)) == "Memory 1.0 kB"

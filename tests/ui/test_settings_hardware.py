"""The hardware section: the facts of this computer, and how the chosen model is loaded."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel

from app.llm.optimizer.machine.records import Memory
from app.schema import ModelRef
from tests.fakes.provider import INFO
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import GB, HardwarePanel, computer, open_hardware, written_model
from tests.ui.settings_use import until_kept

Play = Callable[[Callable[[HardwarePanel], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def panel(run: Run, tmp_path: Path) -> Iterator[HardwarePanel]:
    made: HardwarePanel = run(open_hardware(tmp_path))
    yield made
    run(made.desk.close())
    settle()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written_model(tmp_path)


def test_all_facts_are_shown_and_read_again_on_request(run: Run, panel: HardwarePanel) -> None:
    async def scenario() -> None:
        await panel.open("hardware")
        await until(lambda: panel.facts.facts.texts())
        told = {name: value for name, value, _ in panel.facts.facts.texts()}
        assert told["Processor"] == "Some Processor 9 (x86_64)"
        assert told["Instructions"] == "AVX, AVX2, F16C"
        assert told["Graphics"].splitlines()[1:] == [
            "The installed llama.cpp was built without Vulkan.",
            "Install Hearth's bundle with Vulkan.",
        ]
        assert panel.survey.renewed == 0
        panel.survey.known = replace(panel.survey.known, memory=Memory(16 * GB, 2 * GB))
        again = panel.button("setting-computer")
        again.click()
        assert (again.text(), again.isEnabled()) == ("Reading…", False)
        await until(again.isEnabled)
        assert again.text() == "Read again"
        assert panel.survey.renewed == 1
        assert ("Memory", "17.2 GB, 2.1 GB available", "") in panel.facts.facts.texts()

    run(panel.play(scenario()))


def test_the_loaded_models_plan_is_shown_with_reasons_and_memory(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        await panel.load(model)
        await panel.open("hardware")
        await until(lambda: panel.plan.lines.texts())
        assert panel.plan.heading.text() == "qwen2 is loaded so:"
        told = {name: (value, why) for name, value, why in panel.plan.lines.texts()}
        assert told["Threads"][0] == "8 threads"
        assert told["Threads"][1].startswith("One for each of your 8 cores")
        [(device, taken, parts)] = panel.plan.memory.texts()
        assert device == "This computer's memory"
        assert taken.endswith("that are free for it")
        assert "KV\u00a0cache\u00a0469.8\u00a0MB" in parts

    run(panel.play(scenario()))


def test_the_section_follows_the_model(run: Run, panel: HardwarePanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.open("hardware")
        await until(lambda: panel.plan.heading.text() == "No model is chosen.")
        assert not panel.form.form.isVisible()
        await panel.load(model)
        await until(lambda: panel.plan.heading.text() == "qwen2 is loaded so:")
        await panel.desk.services.manager.unload()
        await until(lambda: "is not loaded; it would be so" in panel.plan.heading.text())
        assert panel.form.form.isVisible(), "it can be set before it is loaded"
        await panel.desk.services.manager.load(INFO.ref)
        model.unlink()
        panel.desk.services.manager.registry._fixed.pop("fake")  # as if a server had it
        panel.page.show_values()
        await until(lambda: "runs at its server" in panel.plan.heading.text())

    run(panel.play(scenario()))


def test_a_file_that_is_gone_is_told_of(run: Run, panel: HardwarePanel, model: Path) -> None:
    async def scenario() -> None:
        panel.desk.services.manager.select(ModelRef("local", str(model)))
        model.unlink()
        await panel.open("hardware")
        await until(lambda: "qwen2" in panel.plan.heading.text())
        assert not panel.form.form.isVisible()

    run(panel.play(scenario()))


def test_staying_quiet_and_less_memory_show_in_what_would_be_loaded(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        panel.desk.services.manager.select(ModelRef("local", str(model)))
        await panel.open("hardware")
        await until(lambda: panel.plan.lines.texts())
        panel.choose("models.quiet", "always")
        await until(
            lambda: ("Threads", "4 threads") in [one[:2] for one in panel.plan.lines.texts()]
        )
        await until_kept(panel.desk, "models", "quiet", "always")
        panel.choose("models.quiet", "battery")
        await until(
            lambda: ("Threads", "8 threads") in [one[:2] for one in panel.plan.lines.texts()]
        )
        panel.survey.known = computer(on_battery=True)
        panel.page.show_values()
        await until(
            lambda: ("Threads", "4 threads") in [one[:2] for one in panel.plan.lines.texts()]
        )
        panel.part(QCheckBox, "setting-models.less_memory").click()
        await until(lambda: panel.planned("KV cache") == "q8_0")

    run(panel.play(scenario()))


def cut_texts(panel: HardwarePanel) -> list[str]:
    """Texts that have fewer lines than they need; a layout settles in steps."""
    return [
        label.text()
        for label in panel.page.findChildren(QLabel)
        if label.isVisible()
        and label.wordWrap()
        and label.height() < label.heightForWidth(label.width())
    ]


@pytest.mark.parametrize(("theme", "size"), [("light", 1.0), ("dark", 2.0)])
def test_nothing_is_cut_in_the_narrowest_window(
    run: Run, panel: HardwarePanel, tmp_path: Path, theme: str, size: float
) -> None:
    async def scenario() -> None:
        panel.survey.known = computer(15, 6, 4)
        panel.desk.window.resize(420, 640)
        panel.desk.window.set_appearance(theme, size)
        await until(lambda: not panel.desk.services.tasks.running)
        await panel.load(written_model(tmp_path, "qwen3moe"))
        await panel.open()
        panel.page.show_section("hardware")
        await until(lambda: panel.plan.lines.texts())
        await panel.until_reckoned()
        panel.button("wishesMore").click()
        panel.type("wish-context", "16384")
        panel.type("wish-gpu_layers", "20")
        await panel.until_reckoned()
        await until(lambda: panel.warning)
        settled = panel.page.area.widget()
        assert settled is not None
        await until(lambda: settled.width() == panel.page.area.viewport().width())
        room = panel.page.area.viewport().width()
        assert settled.minimumSizeHint().width() <= room
        await until(lambda: not cut_texts(panel))
        for name in ("wishesLoad", "wishesKeep", "wishesBack", "setting-computer"):
            button = panel.button(name)
            assert button.isVisible()
            assert button.mapTo(settled, QPoint(button.width(), 0)).x() <= room

    run(panel.play(scenario()))


def test_tab_goes_through_the_form_as_the_eye_does(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        panel.desk.window.resize(1080, 800)
        await panel.load(model)
        await panel.open("hardware")
        await until(lambda: panel.plan.lines.texts())
        await panel.until_reckoned()
        panel.button("wishesMore").click()
        panel.type("wish-context", "4096")
        await panel.until_reckoned()
        panel.desk.window.activateWindow()
        await until(lambda: panel.desk.window.isActiveWindow())
        panel.page.search.setFocus()
        visited: list[str] = []
        while True:
            focused = QApplication.focusWidget()
            assert focused is not None
            if not panel.page.isAncestorOf(focused) or focused.objectName() in visited:
                break
            visited.append(focused.objectName())
            assert focused.accessibleName() or focused.property("text"), focused.objectName()
            QTest.keyClick(focused, Qt.Key.Key_Tab)
        rows = [name for name in visited if "wish" in name]
        assert rows[0] == "reset-wish-context"
        assert rows[1:4] == [f"setting-wish-{name}" for name in ("context", "type_k", "type_v")]
        assert rows[-4:] == ["wishesMore", "wishesLoad", "wishesKeep", "wishesBack"]
        assert visited.index("setting-models.unload_after_minutes") < visited.index(rows[0])

    run(panel.play(scenario()))


def test_another_look_shows_the_same_model(run: Run, panel: HardwarePanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.load(model)
        await panel.open("hardware")
        await until(lambda: panel.plan.lines.texts())
        panel.desk.window.set_appearance("dark", 1.25)
        await until(lambda: not panel.desk.services.tasks.running)
        await until(lambda: panel.plan.lines.texts())
        assert len(panel.desk.services.manager._selection._listeners) <= 4, "the old one hears on"
        box = panel.part(QComboBox, "setting-wish-type_k")
        assert box.isVisible()

    run(panel.play(scenario()))

"""A whole section is reset by one press, and taken back by another, whatever look follows."""

import asyncio

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from tests.ui.conftest import Desk, Run, until
from tests.ui.settings_use import Panel, until_kept


@pytest.fixture
def panel(desk: Desk) -> Panel:
    return Panel(desk)


def offered(panel: Panel, section: str) -> bool:
    return panel.button(f"resetAll-{section}").isVisible()


def undo(panel: Panel) -> None:
    toast = panel.desk.window.shell.toast
    assert toast.isVisible()
    button = toast.findChild(QPushButton)
    assert button is not None
    button.click()


def test_a_section_is_reset_as_a_whole_and_taken_back(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        chat = panel.desk.settings.settings.chat
        await panel.open("chat")
        assert not offered(panel, "chat"), "nothing was set"
        panel.text("chat.system_prompt").setPlainText("Be brief.")
        panel.type("chat.top_k", "20")
        assert offered(panel, "chat")
        await until_kept(panel.desk, "chat", "top_k", 20)
        panel.button("resetAll-chat").setFocus()
        panel.button("resetAll-chat").click()
        assert (chat.system_prompt, chat.top_k) == ("", 40)
        assert panel.line("chat.top_k").text() == "40"
        assert not offered(panel, "chat")
        focused = panel.desk.window.focusWidget()
        assert focused is panel.text("chat.system_prompt"), "the button is gone"
        await until_kept(panel.desk, "chat", "top_k", 40)
        undo(panel)
        assert (chat.system_prompt, chat.top_k) == ("Be brief.", 20)
        assert panel.line("chat.top_k").text() == "20"
        assert offered(panel, "chat")
        await until_kept(panel.desk, "chat", "top_k", 20)

    run(panel.play(scenario()))


def test_a_reset_that_changes_the_look_can_be_taken_back_in_the_new_look(
    run: Run, panel: Panel
) -> None:
    async def scenario() -> None:
        settings = panel.desk.settings.settings

        def look() -> tuple[str, float]:
            return settings.appearance.theme, settings.appearance.text_size

        await panel.open("general")
        panel.choose("appearance.theme", "dark")
        await until(lambda: not panel.desk.services.tasks.running)
        panel.choose("appearance.text_size", 1.5)
        await until(lambda: not panel.desk.services.tasks.running)
        assert panel.desk.window.theme.metric("ui_font") == 21
        before = panel.page
        panel.button("resetAll-general").click()
        await until(lambda: not panel.desk.services.tasks.running)
        assert panel.page is not before
        assert panel.desk.window.theme.metric("ui_font") == 14
        assert look() == ("system", 1.0)
        await asyncio.sleep(0.05)
        undo(panel)
        await until(lambda: not panel.desk.services.tasks.running)
        assert look() == ("dark", 1.5)
        assert panel.desk.window.theme.name == "dark"
        assert panel.desk.window.theme.metric("ui_font") == 21
        assert settings.guide.bar, "what was not reset is as it was"

    run(panel.play(scenario()))


def test_a_search_shows_each_setting_once_and_resets_no_section(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        panel.desk.settings.settings.providers.watch = False
        await panel.open("providers")
        assert offered(panel, "providers")
        QTest.keyClicks(panel.page.search, "stay offline")
        assert panel.seen() == ["providers.stay_offline"]
        assert not offered(panel, "providers"), "not all that it would reset is seen"
        panel.page.search.clear()
        assert offered(panel, "providers")
        panel.button("section-privacy").click()
        assert "privacy-offline" in panel.seen()

    run(panel.play(scenario()))


def test_the_model_for_vectors_is_chosen_among_those_that_are_made_for_it(
    run: Run, panel: Panel
) -> None:
    async def scenario() -> None:
        await panel.open("models")
        await until(lambda: not panel.desk.services.tasks.running)
        box = panel.choice("models.embedding")
        assert box.currentText() == "The chosen model"
        assert box.count() == 1, "the model here cannot do it"
        panel.row("models.embedding").field.take((("local:/m/e.gguf", "E5 — Q8_0"),))
        panel.choose("models.embedding", "local:/m/e.gguf")
        assert panel.desk.settings.settings.models.embedding == "local:/m/e.gguf"
        await until_kept(panel.desk, "models", "embedding", "local:/m/e.gguf")
        panel.button("reset-models.embedding").click()
        assert panel.desk.settings.settings.models.embedding == ""
        assert panel.part(QWidget, "row-models.embedding").isVisible()

    run(panel.play(scenario()))

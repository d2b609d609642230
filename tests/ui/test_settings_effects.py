"""What is set on the page counts at once, and what others know is shown there."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLabel, QMenu, QPushButton

from app.llm.state import Phase
from app.schema import ModelInfo, ModelRef
from app.ui.controls import IconButton
from app.ui.providers_page import ProvidersPage
from app.ui.settings.list_fields import FoldersField
from tests.fakes.provider import INFO
from tests.ui.conftest import Desk, Run, open_desk, until
from tests.ui.settings_use import Panel, is_shown, until_kept


@pytest.fixture
def panel(desk: Desk) -> Panel:
    return Panel(desk)


def test_staying_offline_counts_at_once_in_both_of_its_rows(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        setup = panel.desk.services.setup
        assert setup is not None
        await panel.open("privacy")
        panel.page.show_section("providers")
        panel.page.search.setText("stay offline")
        first = panel.part(QCheckBox, "setting-providers.stay_offline")
        second = panel.part(QCheckBox, "setting-privacy-offline")
        assert (first.text(), second.text()) == ("Off", "Off")
        second.click()
        assert (first.isChecked(), first.text(), second.text()) == (True, "On", "On")
        assert panel.can_reset("providers.stay_offline")
        await until(lambda: setup._lock.closed)
        await until_kept(panel.desk, "providers", "stay_offline", True)
        panel.page.show_section("privacy")
        await until(lambda: "nothing leaves this computer" in panel.said("leaves"))
        second.click()
        second.click()
        second.click()
        await until(lambda: not panel.desk.services.tasks.running)
        assert not setup._lock.closed, "the last wish counts"

    run(panel.play(scenario()))


def test_looking_for_servers_begins_and_ends_at_once(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        manager = panel.desk.services.manager
        looked = []

        async def find_servers() -> list[Any]:
            looked.append(1)
            return []

        manager._neighbours._find = find_servers
        await panel.open("providers")
        watch = panel.part(QCheckBox, "setting-providers.watch")
        watch.click()
        await until(lambda: looked)  # once, and not again and again
        assert manager._neighbours._watcher is None
        watch.click()
        await until(lambda: manager._neighbours._watcher is not None)
        panel.part(QCheckBox, "setting-providers.discover").click()
        await until(lambda: manager._neighbours._watcher is None)

    run(panel.play(scenario()))


def test_the_guide_comes_back_at_once(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await panel.open("general")
        bar = panel.part(QCheckBox, "setting-guide.bar")
        bar.click()
        panel.button("settingsBackButton").click()
        assert not is_shown(panel.desk, "guideBar")
        await panel.open("general")
        bar.click()
        panel.button("settingsBackButton").click()
        assert is_shown(panel.desk, "guideBar")

    run(panel.play(scenario()))


def test_the_model_to_start_with_is_chosen_from_the_list(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        panel.desk.provider.models.append(
            ModelInfo(
                ModelRef("fake", "/m/vectors.gguf"), "Vectors", features=frozenset({"embedding"})
            )
        )
        await panel.open("general")
        box = panel.choice("models.default")
        await until(lambda: box.findData(str(INFO.ref)) > 0)
        labels = [box.itemText(index) for index in range(box.count())]
        assert labels == ["The model used last", "The starter", "Fake 7B — Q4_K_M"]
        assert "next start" in panel.row("models.default").row.sentence
        panel.choose("models.default", str(INFO.ref))
        assert panel.desk.settings.settings.models.default == str(INFO.ref)
        panel.desk.settings.settings.models.default = "fake:/gone.gguf"
        panel.page.show_values()
        assert box.currentText() == "fake:/gone.gguf (not here now)"
        panel.choose("models.default", "starter")
        assert panel.desk.settings.settings.models.at_start == "starter"
        languages = panel.choice("appearance.language")
        await until(lambda: languages.count() == 1 and languages.currentText() == "English")

    run(panel.play(scenario()))


def test_a_start_with_the_starter_loads_it(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "settings.json").write_text(
            json.dumps({"models": {"default": "starter", "selected": "fake:/models/other.gguf"}})
        )
        desk = await open_desk(tmp_path, starter=INFO.ref)
        await until(lambda: desk.services.manager.state.phase is Phase.READY)
        assert desk.services.manager.state.ref == INFO.ref
        await until(lambda: not desk.services.tasks.running)
        await desk.close()

    run(scenario())


def test_folders_are_added_marked_and_removed(run: Run, panel: Panel, tmp_path: Path) -> None:
    heard: list[int] = []

    async def scenario() -> None:
        models = panel.desk.settings.settings.models
        panel.desk.controllers._panel.library_changed.connect(lambda: heard.append(1))
        (tmp_path / "here").mkdir()
        await panel.open("models")
        panel.button("setting-models.folders").click()
        dialog = panel.part(QFileDialog, "addFolderDialog")
        assert dialog.fileMode() is QFileDialog.FileMode.Directory
        dialog.fileSelected.emit(str(tmp_path / "here"))
        dialog.reject()
        assert list(models.folders) == [str(tmp_path / "here")]
        assert heard == [1]
        models.folders = (str(tmp_path / "here"), str(tmp_path / "away"))
        panel.page.show_values()
        field = panel.row("models.folders").field
        assert isinstance(field, FoldersField)
        await until(
            lambda: any("not there now" in one.text() for one in field.findChildren(QLabel))
        )
        field.put(str(tmp_path / "here"))
        assert "in the list already" in panel.wrong("models.folders")
        panel.part(IconButton, "remove-models.folders-0").click()
        assert list(models.folders) == [str(tmp_path / "away")]
        assert panel.wrong("models.folders") == ""
        panel.part(QCheckBox, "setting-models.other_programs").click()
        assert heard == [1, 1, 1]
        panel.button("reset-models.folders").click()
        assert list(models.folders) == []
        await until_kept(panel.desk, "models", "folders", [])

    run(panel.play(scenario()))


def test_stand_ins_are_put_into_an_order(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        providers = panel.desk.settings.settings.providers
        providers.fallback = ("openai:gpt-5",)
        await panel.open("providers")
        menu = panel.part(QMenu, "addStandInMenu")
        await until(lambda: menu.actions() and "Fake 7B" in menu.actions()[0].text())
        menu.actions()[0].trigger()
        assert list(providers.fallback) == ["openai:gpt-5", str(INFO.ref)]
        assert not menu.actions()[0].isEnabled()
        panel.part(IconButton, "up-providers.fallback-1").click()
        assert list(providers.fallback) == [str(INFO.ref), "openai:gpt-5"]
        await asyncio.sleep(0)
        living = [
            one
            for one in panel.page.findChildren(IconButton, "remove-providers.fallback-0")
            if one.isVisible()
        ]
        living[-1].click()
        assert list(providers.fallback) == ["openai:gpt-5"]

    run(panel.play(scenario()))


def test_the_mirror_of_the_environment_is_shown(
    run: Run, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hf-mirror.com")

    async def scenario() -> None:
        await panel.open("models")
        assert panel.line("hub.endpoint").placeholderText() == "https://hf-mirror.com"
        assert panel.desk.settings.settings.hub.endpoint == ""

    run(panel.play(scenario()))


def test_facts_are_told_and_their_buttons_lead_on(
    run: Run, panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return len(opened) == 1

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)

    async def scenario() -> None:
        await panel.open("general")
        await until(lambda: panel.said("data-folder") == str(tmp_path))
        panel.button("setting-data-folder").click()
        panel.button("section-privacy").click()
        await until(lambda: panel.said("chats") == str(tmp_path / "hearth.db"))
        panel.button("setting-log").click()
        assert opened == [str(tmp_path), str(tmp_path / "logs")]
        assert str(tmp_path / "logs") in panel.desk.window.shell.banner.text()
        panel.button("section-hardware").click()
        await until(lambda: "of memory" in panel.said("computer"))
        panel.button("section-about").click()
        await until(lambda: "llama.cpp" in panel.said("versions"))
        await until(lambda: "PySide6" in panel.said("licences"))
        assert "Hearth itself — MIT" in panel.said("licences")
        panel.button("setting-versions").click()
        await until(lambda: panel.button("setting-versions").text() == "Copied")
        assert QGuiApplication.clipboard().text() == panel.said("versions")
        panel.button("section-providers").click()
        panel.button("setting-servers").click()
        await until(lambda: is_shown(panel.desk, "providersPage"))
        assert panel.desk.find(ProvidersPage, "providersPage").isVisible()
        assert not panel.is_open

    run(panel.play(scenario()))


def test_the_page_shows_what_was_set_elsewhere_meanwhile(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await panel.open("providers")
        panel.button("settingsBackButton").click()
        panel.desk.settings.settings.providers.discover = False
        await panel.open()
        assert not panel.part(QCheckBox, "setting-providers.discover").isChecked()
        assert panel.can_reset("providers.discover")
        assert panel.part(QPushButton, "section-providers").isChecked(), "where it was left"

    run(panel.play(scenario()))

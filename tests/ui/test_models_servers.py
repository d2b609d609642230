"""Models of servers: fetched, loaded, unloaded and deleted there, with rows like Hearth's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMessageBox, QPushButton

from app.schema import FoundServer
from app.ui.library.downloads_strip import DownloadRow
from tests.fakes.servers.http import FakeServer, ndjson
from tests.fakes.servers.lm_studio import LMStudio
from tests.fakes.servers.ollama import Model, Ollama
from tests.ui.conftest import Run, settle, until
from tests.ui.models_use import Shop, open_shop

GB = 10**9


class Servers:
    """An Ollama and an LM Studio that run on this computer."""

    def __init__(self) -> None:
        self.first, self.second = FakeServer(), FakeServer()
        self.ollama = Ollama(self.first)
        self.ollama.add("qwen3:8b", size=5 * GB)
        self.ollama.registry["llama3.2:3b"] = Model("llama3.2:3b", size=2 * GB)
        self.studio = LMStudio(self.second)
        self.studio.add("google/gemma-3", display="Gemma 3", size=3 * GB)

    async def find(self) -> list[FoundServer]:
        return [
            FoundServer("Ollama", self.first.url, "ollama", "0.33.0"),
            FoundServer("LM Studio", self.second.url, "lm-studio", "0.4"),
        ]


@pytest.fixture
def servers(run: Run) -> Iterator[Servers]:
    made = Servers()
    run(made.first.start())
    run(made.second.start())
    yield made
    run(made.first.stop())
    run(made.second.stop())


@pytest.fixture
def shop(run: Run, tmp_path: Path, servers: Servers) -> Iterator[Shop]:
    made = run(open_shop(tmp_path, find_servers=servers.find))
    run(made.play(opened(made)))
    yield made
    run(made.desk.close())
    settle()


async def opened(shop: Shop) -> None:
    await until(lambda: shop.desk.services.manager.listings.get("lm-studio"))
    await shop.open("modelsServersTab")
    await until(lambda: "Gemma 3" in shop.texts("lm-studioModels"))


def rows(shop: Shop) -> list[str]:
    """What the rows of downloads say."""
    shown = shop.page.downloads.findChildren(DownloadRow)
    return [f"{one._title.text()}: {one._text.text()}" for one in shown if one.isVisible()]


def boxes(shop: Shop) -> list[QMessageBox]:
    return [one for one in shop.desk.window.findChildren(QMessageBox) if one.isVisible()]


def test_each_server_shows_its_models_and_what_can_be_done(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        text = shop.texts("ollamaModels")
        assert "Ollama" in text
        assert "qwen3:8b" in text
        assert "Q4_K_M · 7.6 B · 5.0 GB" in text
        buttons = shop.page.findChildren(QPushButton, "deleteServerModelButton")
        # LM Studio has no way to delete.
        assert {one.accessibleName() for one in buttons} == {"Delete…: qwen3:8b"}

    run(shop.play(scenario()))


def test_a_server_fetches_with_the_same_rows_as_hearth(
    run: Run, shop: Shop, servers: Servers
) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()
        digest = "sha256:" + "a" * 64
        half = {"status": "pulling aa", "digest": digest, "total": 2 * GB, "completed": GB}
        servers.first.enqueue("/api/pull", ndjson({"status": "pulling manifest"}, half, hold=gate))
        field = shop.part(QLineEdit, "ollamaPullField")
        shop.type("ollamaPullField", "llama3.2:3b", end=True)
        assert field.text() == ""
        await until(lambda: rows(shop) and "50 % · 1.0 GB of 2.0 GB" in rows(shop)[0])
        assert rows(shop)[0].startswith("llama3.2:3b on Ollama")
        assert "llama3.2:3b" in shop.desk.window.shell.downloads_line._text
        shop.press("pauseDownloadButton", "llama3.2:3b")
        await until(lambda: "paused" in rows(shop)[0])
        await until(lambda: servers.first.disconnects)  # Ollama was told by that
        shop.press("pauseDownloadButton", "llama3.2:3b")  # now it comes to its end
        await until(lambda: "llama3.2:3b" in shop.texts("ollamaModels"))
        await until(lambda: not shop.shows("downloadsStrip"))
        assert shop.said == "llama3.2:3b on Ollama is there now."
        refs = [str(info.ref) for info in await shop.desk.services.manager.models()]
        assert "ollama:llama3.2:3b" in refs
        gate.set()

    run(shop.play(scenario()))


def test_a_fetch_that_fails_is_said_once_and_can_be_tried_again(
    run: Run, shop: Shop, servers: Servers
) -> None:
    async def scenario() -> None:
        shop.type("ollamaPullField", "no-such-model", end=True)
        await until(lambda: shop.said.startswith("no-such-model on Ollama: "))
        assert "stopped" in rows(shop)[0]
        shop.press("bannerClose")
        shop.desk.window.set_appearance("dark", 1.0)
        await until(lambda: not shop.desk.services.tasks.running)
        await until(lambda: rows(shop) and "stopped" in rows(shop)[0])
        assert shop.said == ""
        servers.ollama.registry["no-such-model:latest"] = Model("no-such-model:latest", size=GB)
        shop.press("pauseDownloadButton", "no-such-model")
        await until(lambda: "no-such-model" in shop.texts("ollamaModels"))

    run(shop.play(scenario()))


def test_a_fetch_is_cancelled(run: Run, shop: Shop, servers: Servers) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()
        servers.first.enqueue("/api/pull", ndjson({"status": "pulling manifest"}, hold=gate))
        shop.type("ollamaPullField", "llama3.2:3b")
        shop.press("ollamaPullButton")
        await until(lambda: rows(shop) and "pulling manifest" in rows(shop)[0])
        shop.press("cancelDownloadButton", "llama3.2:3b")
        await until(lambda: not shop.shows("downloadsStrip"))
        await until(lambda: servers.first.disconnects)
        assert "llama3.2:3b" not in servers.ollama.models

    run(shop.play(scenario()))


def test_a_model_is_loaded_and_unloaded_there(run: Run, shop: Shop, servers: Servers) -> None:
    async def scenario() -> None:
        shop.desk.window.activateWindow()
        button = shop.button("loadServerModelButton", "Gemma 3")
        assert button.text() == "Load"
        button.setFocus()
        QTest.keyClick(button, Qt.Key.Key_Space)
        button.click()  # a second press is none
        await until(lambda: servers.studio.models["google/gemma-3"].copies)
        await until(lambda: "in its memory" in shop.texts("lm-studioModels"))
        assert len(servers.studio.models["google/gemma-3"].copies) == 1
        again = shop.button("loadServerModelButton", "Gemma 3")
        assert again.text() == "Unload"
        await until(again.hasFocus)  # the keyboard stays where it was
        again.click()
        await until(lambda: not servers.studio.models["google/gemma-3"].copies)
        await until(lambda: "in its memory" not in shop.texts("lm-studioModels"))

    run(shop.play(scenario()))


def test_a_model_is_deleted_there_only_when_asked_before(
    run: Run, shop: Shop, servers: Servers
) -> None:
    async def scenario() -> None:
        shop.press("deleteServerModelButton", "qwen3:8b")
        box = shop.question()
        assert box.text() == "Delete “qwen3:8b” on Ollama?"
        assert "cannot be undone" in box.informativeText()
        assert "frees 5.0 GB" in box.informativeText()
        assert box.defaultButton().text() == "Keep it"
        shop.answer("Keep it")
        await asyncio.sleep(0.05)
        assert "qwen3:8b" in servers.ollama.models
        shop.press("deleteServerModelButton", "qwen3:8b")
        shop.answer("Delete")
        await until(lambda: "qwen3:8b" not in servers.ollama.models)
        await until(lambda: "It has no model yet." in shop.texts("ollamaModels"))
        refs = [str(info.ref) for info in await shop.desk.services.manager.models()]
        assert "ollama:qwen3:8b" not in refs
        assert boxes(shop) == []

    run(shop.play(scenario()))


def test_a_chat_with_a_servers_model_is_one_press_away(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        shop.press("chatServerModelButton", "qwen3:8b")
        manager = shop.desk.services.manager
        await until(lambda: manager.state.loaded)
        assert str(manager.state.ref) == "ollama:qwen3:8b"
        assert not shop.is_open

    run(shop.play(scenario()))


def test_a_server_that_went_away_says_so_and_the_others_stay(
    run: Run, shop: Shop, servers: Servers
) -> None:
    async def scenario() -> None:
        await servers.first.stop()
        shop.type("ollamaPullField", "half a na")
        await shop.open()  # the servers are asked again
        await until(lambda: "qwen3:8b" not in shop.texts("ollamaModels"))
        await until(lambda: "does not answer" in shop.texts("ollamaModels"))
        assert shop.part(QLineEdit, "ollamaPullField").text() == "half a na"
        assert "Gemma 3" in shop.texts("lm-studioModels")

    run(shop.play(scenario()))


def test_without_any_server_the_view_says_how_they_appear(run: Run, tmp_path: Path) -> None:
    shop = run(open_shop(tmp_path))

    async def scenario() -> None:
        await shop.open("modelsServersTab")
        await until(lambda: "appear by themselves" in shop.texts("modelsColumn"))

    run(shop.play(scenario()))
    run(shop.desk.close())
    settle()

"""Servers and services in the window: found, chosen from, set up, lost in the middle, counted."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QLabel,
    QMenu,
    QPushButton,
    QWidget,
)

from app.chats.records import State
from app.errors import Unreachable
from app.llm.discovery import records
from app.llm.state import Phase
from app.schema import FoundServer
from app.ui.chat.composer import Editor
from app.ui.chat.message import AssistantMessage
from app.ui.header import ModelPicker
from app.ui.provider_dialog import ProviderDialog
from app.ui.providers_page import ProvidersPage
from tests.fakes.servers.http import FakeServer, ndjson, sse
from tests.fakes.servers.ollama import Ollama
from tests.ui.conftest import WIDGET, Desk, Run, open_desk, settle, until
from tests.ui.window_use import answers, choose_model, say


def part(dialog: ProviderDialog, kind: type[WIDGET], name: str) -> WIDGET:
    found = dialog.findChild(kind, name)
    assert found is not None, name
    return found


class Place:
    """A window beside a computer on which an Ollama runs."""

    def __init__(self, desk: Desk, server: FakeServer, ollama: Ollama) -> None:
        self.desk = desk
        self.server = server
        self.ollama = ollama

    def button(self, name: str) -> QPushButton:
        found = [one for one in self.desk.window.findChildren(QPushButton, name) if one.isVisible()]
        assert found, name
        return found[0]

    def shown(self, name: str) -> bool:
        return any(one.isVisible() for one in self.desk.window.findChildren(QWidget, name))

    def texts(self, name: str) -> str:
        labels = self.desk.find(QWidget, name).findChildren(QLabel)
        return "\n".join(label.text() for label in labels if not label.isHidden())

    def dialogs(self) -> list[ProviderDialog]:
        return self.desk.window.findChildren(ProviderDialog, "providerDialog")

    def dialog(self) -> ProviderDialog:
        return self.dialogs()[-1]

    def entry(self, *path: str) -> QAction:
        """An entry of the model's menu, by the beginnings of the texts that lead to it."""
        menu = self.desk.find(QMenu, "modelMenu")
        found = QAction()
        for text in path:
            menu.aboutToShow.emit()
            fitting = [one for one in menu.actions() if one.text().startswith(text)]
            if not fitting:
                raise LookupError(text)
            found = fitting[0]
            menu = found.menu()  # type: ignore[assignment]
        return found

    def has_entry(self, *path: str) -> bool:
        try:
            self.entry(*path)
        except LookupError:
            return False
        return True

    async def play(self, scenario: Coroutine[Any, Any, None]) -> None:
        """A scenario to its end, and what it has set going in the window too."""
        await scenario
        await until(lambda: not self.desk.services.tasks.running)

    async def answered(self) -> AssistantMessage:
        """The last answer, when it has ended."""
        await until(lambda: answers(self.desk))
        await until(lambda: answers(self.desk)[-1].message.state is not State.STREAMING)
        await self.desk.idle()
        return answers(self.desk)[-1]

    async def open_page(self) -> None:
        self.desk.find(ModelPicker, "modelPicker").providers_wanted.emit()
        await until(lambda: self.shown("providersPage"))
        await until(lambda: "Looking" not in self.texts("providersHere"))

    async def use(self, model: str) -> None:
        self.entry("Ollama", model).trigger()
        manager = self.desk.services.manager
        await until(lambda: manager.state.loaded and "ollama" in str(manager.state.ref))
        await asyncio.sleep(0.05)


async def make_place(home: Path) -> Place:
    server = FakeServer()
    ollama = Ollama(server)
    ollama.add("qwen3:8b")
    ollama.add("llama3.2:3b")
    await server.start()

    async def find_servers() -> list[FoundServer]:
        return [FoundServer("Ollama", server.url, "ollama", "0.33.0")]

    (home / "settings.json").write_text(json.dumps({"guide": {"bar": False}}))
    desk = await open_desk(home, find_servers=find_servers)
    place = Place(desk, server, ollama)
    await until(lambda: desk.services.manager.listings.get("ollama"))
    await until(lambda: desk.window.shell.banner.text())
    return place


@pytest.fixture
def place(run: Run, tmp_path: Path) -> Iterator[Place]:
    made = run(make_place(tmp_path))
    yield made
    run(made.desk.close())
    run(made.server.stop())
    settle()


def test_a_server_that_is_found_is_named_once(run: Run, place: Place, tmp_path: Path) -> None:
    assert place.desk.window.shell.banner.text().startswith("Found Ollama with 2 models.")
    assert place.desk.settings.settings.providers.greeted == ("Ollama",)
    assert json.loads((tmp_path / "settings.json").read_text())["providers"]["greeted"]


def test_a_model_of_a_server_answers(run: Run, place: Place) -> None:
    async def scenario() -> None:
        await place.use("qwen3")
        assert place.desk.find(ModelPicker, "modelPicker").text() == "qwen3:8b · Ollama" or (
            "Ollama" in place.desk.find(ModelPicker, "modelPicker").text()
        )
        place.server.enqueue(
            "/api/chat",
            ndjson(
                {"message": {"role": "assistant", "content": "", "thinking": "A hearth…"}},
                {"message": {"role": "assistant", "content": "A **fireplace**."}},
                {
                    "message": {"role": "assistant", "content": ""},
                    "done": True,
                    "done_reason": "stop",
                    "prompt_eval_count": 30,
                    "eval_count": 4,
                    "eval_duration": 10**9,
                },
            ),
        )
        await say(place.desk, "What is a hearth?")
        view = await place.answered()
        assert view.text() == "A **fireplace**."
        assert view.message.reasoning == "A hearth…"
        assert view.message.usage is not None
        assert view.message.usage.prompt_tokens == 30
        text = view.findChild(QLabel, "reasoningText")
        assert text is not None
        assert text.isHidden()
        place.button("reasoningButton").click()
        assert not text.isHidden()
        assert text.text() == "A hearth…"
        # It is kept with the chat.
        stored = await place.desk.services.store.messages(place.desk.chat_id or 0)
        assert stored[-1].reasoning == "A hearth…"

    run(place.play(scenario()))


def test_a_server_that_goes_away_leaves_what_it_said(run: Run, place: Place) -> None:
    async def scenario() -> None:
        await place.use("qwen3")
        piece = {"message": {"role": "assistant", "content": "Half an answer"}}
        place.server.enqueue("/api/chat", ndjson(piece, cut=True))
        await say(place.desk, "What is a hearth?")
        view = await place.answered()
        assert view.text() == "Half an answer"
        assert "broke" in view.message.note
        again = view.findChild(QPushButton, "noteAgainButton")
        assert again is not None
        assert again.isVisible()
        again.click()
        await until(lambda: answers(place.desk)[-1].message.id != view.message.id)
        await place.answered()
        assert answers(place.desk)[-1].message.state == "complete"

    run(place.play(scenario()))


def test_the_same_model_elsewhere_is_offered(run: Run, place: Place) -> None:
    async def scenario() -> None:
        second = FakeServer()
        Ollama(second).add("qwen3:8b")
        await second.start()
        try:
            setup = place.desk.services.setup
            assert setup is not None
            other = setup.new("ollama").model_copy(update={"name": "attic", "url": second.url})
            await setup.save(other.model_copy(update={"title": "The attic"}))
            await place.use("qwen3")
            await place.desk.services.manager.models()
            await place.server.stop()
            await say(place.desk, "Are you there?")
            await place.answered()
            remedy = answers(place.desk)[-1].findChild(QPushButton, "remedyButton")
            assert remedy is not None
            assert remedy.text() == "Ask The attic instead"
            remedy.click()
            await until(lambda: answers(place.desk)[-1].message.state == "complete")
            state = place.desk.services.manager.state
            assert state.ref is not None
            assert state.ref.provider == "attic"
        finally:
            await second.stop()

    run(place.play(scenario()))


def test_a_server_that_is_away_says_so_and_can_be_tried_again(run: Run, place: Place) -> None:
    async def scenario() -> None:
        port = place.server.port
        await place.server.stop()
        place.entry("Ollama", "qwen3").trigger()
        await until(lambda: place.desk.services.manager.state.error)
        assert isinstance(place.desk.services.manager.state.error, Unreachable)
        assert "does not answer" in place.desk.window.shell.banner.text()
        assert place.button("bannerAction").text() == "Try again"
        await place.server.start(port=port)
        place.button("bannerAction").click()
        await until(lambda: place.desk.services.manager.state.phase is Phase.READY)

    run(place.play(scenario()))


def test_the_page_shows_servers_and_what_was_used(run: Run, place: Place) -> None:
    async def scenario() -> None:
        await place.open_page()
        assert "Nothing yet" in place.texts("usageView")
        assert "2 models" in place.texts("providersHere")
        menu = place.button("chooseServerModelButton").menu()
        assert menu is not None
        menu.actions()[0].trigger()
        await until(lambda: place.desk.services.manager.state.phase is Phase.READY)
        await say(place.desk, "Hello")
        await place.answered()
        await place.open_page()
        await until(lambda: "ollama:" in place.texts("usageView"))
        assert "Answers" in place.texts("usageView")

    run(place.play(scenario()))


def test_a_service_is_added_tested_and_removed(
    run: Run, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        service = FakeServer()
        service.route("GET", "/v1/models", {"data": [{"id": "big"}, {"id": "small"}]})
        text = {"choices": [{"delta": {"content": "From afar."}, "finish_reason": "stop"}]}
        service.route("POST", "/v1/chat/completions", lambda _: sse(text))
        await service.start()
        try:
            await place.open_page()
            place.button("addProviderButton").click()
            await until(lambda: place.desk.window.findChildren(ProviderDialog))
            dialog = place.dialog()
            kind, url, key, headers = dialog.kind, dialog.url, dialog.key, dialog.headers
            message = part(dialog, QLabel, "providerMessage")
            save = part(dialog, QPushButton, "saveProviderButton")
            test = part(dialog, QPushButton, "testProviderButton")
            kind.setCurrentIndex(kind.findData("openai"))
            assert "cloud" in part(dialog, QLabel, "providerAbout").text()
            headers.setPlainText("Authorization: Bearer secret")
            save.click()
            assert "holds a key" in message.text()
            headers.setPlainText("X-Team: hearth")
            url.setText("no address at all")
            save.click()
            await until(lambda: "no address" in message.text())
            url.setText(service.url)
            key.setText("sk-very-secret")
            test.click()
            await until(lambda: "2 models" in message.text())
            assert service.last("/v1/models").headers["authorization"] == "Bearer sk-very-secret"
            assert service.last("/v1/models").headers["x-team"] == "hearth"
            save.click()
            await until(lambda: "OpenAI" in place.texts("providersOwn"))
            assert "cloud" in place.texts("providersOwn")
            written = (tmp_path / "settings.json").read_text()
            assert service.url in written
            assert "secret" not in written
            await until(lambda: place.has_entry("OpenAI", "big"))  # in the model's menu
            assert "cloud" in place.entry("OpenAI").text()
            place.button("removeProviderButton").click()
            await until(lambda: not place.shown("providersOwn"))
            assert service.url not in (tmp_path / "settings.json").read_text()
        finally:
            await service.stop()

    run(place.play(scenario()))


def test_what_is_rarely_set_is_kept_and_shown_again(run: Run, place: Place) -> None:
    async def scenario() -> None:
        await place.open_page()
        place.button("addProviderButton").click()
        await until(lambda: place.desk.window.findChildren(ProviderDialog))
        dialog = place.dialog()
        more, save = dialog.more, part(dialog, QPushButton, "saveProviderButton")
        assert not more.proxy.isVisible()
        part(dialog, QPushButton, "providerMoreButton").click()
        assert more.proxy.isVisible()
        dialog.url.setText(place.server.url)
        more.query.setPlainText("version")
        save.click()
        assert "is no parameter" in part(dialog, QLabel, "providerMessage").text()
        more.query.setPlainText("version=2")
        more.proxy.setText("http://127.0.0.1:3128")
        more.ca_file.setText("~/own.pem")
        assert more.reply_seconds.placeholderText() == "30 seconds at most"
        for line, value in (
            (more.connect_seconds, "1,5"),
            (more.reply_seconds, "2.5"),
            (more.silence_seconds, "60"),
            (more.requests_per_minute, "10"),
            (more.tokens_per_minute, "2000"),
        ):
            line.setText(value)
        save.click()
        configured = place.desk.settings.settings.providers
        await until(lambda: configured.configured)
        [made] = configured.configured
        assert (made.query, made.proxy) == ({"version": "2"}, "http://127.0.0.1:3128")
        assert (made.ca_file, made.requests_per_minute) == ("~/own.pem", 10)
        assert made.tokens_per_minute == 2000
        waits = (made.connect_seconds, made.reply_seconds, made.silence_seconds)
        assert waits == (1.5, 2.5, 60)
        await until(lambda: place.shown("editProviderButton"))
        place.button("editProviderButton").click()
        await until(lambda: [one for one in place.dialogs() if one.isVisible()])
        assert place.dialog().more.proxy.isVisible()
        assert place.dialog().more.proxy.text() == made.proxy
        place.dialog().reject()

    run(place.play(scenario()))


def test_a_server_that_an_earlier_hearth_left_behind_is_named_and_can_be_stopped(
    run: Run, place: Place
) -> None:
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(argv, start_new_session=True)
    folder = Path(place.desk.settings.path).parent / "servers"

    async def scenario() -> None:
        record = records.Record(
            kind="ollama",
            name="Ollama",
            url="http://127.0.0.1:4567",
            pid=child.pid,
            created=records.start_time(child.pid),
            owner=2**22 - 1,
            owner_created=1.0,
            argv=("ollama", "serve"),
            log="",
        )
        folder.mkdir(exist_ok=True)
        records.write(folder, record)
        place.desk.controllers._providers.start()
        await until(lambda: "earlier Hearth" in place.desk.window.shell.banner.text())
        assert "Ollama" in place.desk.window.shell.banner.text()
        place.button("bannerAction").click()
        await until(lambda: not list(folder.glob("*.json")))
        await until(lambda: "earlier" not in place.desk.window.shell.banner.text())

    try:
        run(place.play(scenario()))
        assert child.wait(5) != 0
    finally:
        child.kill()
        child.wait()


def test_what_the_environment_holds_is_offered_and_not_taken(
    run: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setenv("MISTRAL_UNRELATED", "x")
        monkeypatch.setenv("OPENAI_BASE_URL", place.server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
        await place.open_page()
        await until(lambda: "OPENAI_API_KEY" in place.texts("providersOffers"))
        assert not place.desk.settings.settings.providers.configured
        place.button("acceptOfferButton").click()
        await until(lambda: place.desk.settings.settings.providers.configured)
        # Another address than OpenAI's own is no cloud service of OpenAI.
        assert place.desk.settings.settings.providers.configured[0].kind == "openai-compatible"
        await until(lambda: "No keyring works here" in place.desk.window.shell.banner.text())

    run(place.play(scenario()))


def test_staying_offline_keeps_other_computers_out(run: Run, place: Place) -> None:
    async def scenario() -> None:
        setup = place.desk.services.setup
        assert setup is not None
        far = setup.new("openai-compatible").model_copy(update={"url": "http://192.0.2.1:8080"})
        await setup.save(far)
        place.desk.find(ModelPicker, "modelPicker").providers_wanted.emit()
        await until(lambda: place.shown("providersPage"))
        place.desk.find(QCheckBox, "offlineSwitch").click()
        await until(lambda: "stay offline" in place.texts("providersOwn"))
        assert "2 models" in place.texts("providersHere")  # this computer is no other one

    run(place.play(scenario()))


def test_the_page_is_whole_at_the_largest_text_in_the_narrowest_window(
    run: Run, place: Place
) -> None:
    async def scenario() -> None:
        setup = place.desk.services.setup
        assert setup is not None
        await setup.save(setup.new("openai").model_copy(update={"url": place.server.url}), "sk-x")
        place.desk.window.set_appearance("light", 2.0)
        place.desk.window.resize(420, 600)
        await until(lambda: len(place.desk.window.findChildren(ModelPicker)) == 1)
        await place.open_page()
        await asyncio.sleep(0.05)
        page = place.desk.window.findChildren(ProvidersPage, "providersPage")[-1]
        inside = page.widget()
        assert inside is not None
        assert inside.minimumSizeHint().width() <= page.viewport().width()

    run(place.play(scenario()))


def test_choosing_a_server_gives_the_memory_of_the_local_model_back(run: Run, place: Place) -> None:
    async def scenario() -> None:
        await choose_model(place.desk)
        assert place.desk.provider.loaded is not None
        await place.use("llama3.2")
        assert place.desk.provider.loaded is None
        editor = place.desk.find(Editor, "composer")
        assert editor.isEnabled()

    run(place.play(scenario()))

"""The page of servers and services: what is found, set up, tested, removed and counted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton

from app.llm.state import Phase
from app.ui.header import ModelPicker
from app.ui.provider_dialog import ProviderDialog
from app.ui.providers_page import ProvidersPage
from tests.fakes.servers.http import FakeServer, sse
from tests.ui.conftest import Run, settle, until
from tests.ui.providers_use import Place, make_place, part
from tests.ui.window_use import say


@pytest.fixture
def place(run: Run, tmp_path: Path) -> Iterator[Place]:
    made = run(make_place(tmp_path))
    yield made
    run(made.desk.close())
    run(made.server.stop())
    settle()


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
            for secret in ("Authorization: Bearer secret", "X-Any: sk-0123456789abcdef"):
                headers.setPlainText(secret)
                assert "holds a key" in message.text(), "as it is typed"
                save.click()
                assert "holds a key" in message.text()
                assert not (place.desk.settings.settings.providers.configured)
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
            keys = place.desk.services.credentials
            assert keys is not None
            assert await keys.get("openai") == "", "the key goes with it"
            toast = place.desk.window.shell.toast
            assert toast.isVisible()
            undo = toast.findChild(QPushButton)
            assert undo is not None
            undo.click()
            await until(lambda: place.shown("providersOwn"))
            assert service.url in (tmp_path / "settings.json").read_text()
            assert await keys.get("openai") == "sk-very-secret"
            assert "secret" not in (tmp_path / "settings.json").read_text()
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
        QTest.keyClicks(more.connect_seconds, "0")
        message = part(dialog, QLabel, "providerMessage")
        assert message.text() == "Connection: it must be more than 0."
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

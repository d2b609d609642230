"""Servers in the window: found, chosen from, lost in the middle, left behind."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton

from app.errors import Unreachable
from app.llm.discovery import records
from app.llm.state import Phase
from app.ui.chat.composer import Editor
from app.ui.header import ModelPicker
from tests.fakes.servers.http import FakeServer, ndjson
from tests.fakes.servers.ollama import Ollama
from tests.ui.conftest import Run, settle, until
from tests.ui.providers_use import Place, make_place
from tests.ui.window_use import answers, choose_model, say


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


def test_where_the_same_model_is_a_cloud_services_that_is_said(run: Run, place: Place) -> None:
    async def scenario() -> None:
        service = FakeServer()
        service.route("GET", "/v1/models", {"data": [{"id": "qwen3:8b"}]})
        await service.start()
        try:
            setup = place.desk.services.setup
            assert setup is not None
            far = setup.new("openai").model_copy(update={"url": service.url})
            await setup.save(far, "sk-x")
            await place.use("qwen3")
            await place.desk.services.manager.models()
            await place.server.stop()
            await say(place.desk, "Are you there?")
            await place.answered()
            remedy = answers(place.desk)[-1].findChild(QPushButton, "remedyButton")
            assert remedy is not None
            assert remedy.text() == "Ask OpenAI (cloud) instead"
        finally:
            await service.stop()

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


def test_choosing_a_server_gives_the_memory_of_the_local_model_back(run: Run, place: Place) -> None:
    async def scenario() -> None:
        await choose_model(place.desk)
        assert place.desk.provider.loaded is not None
        await place.use("llama3.2")
        assert place.desk.provider.loaded is None
        editor = place.desk.find(Editor, "composer")
        assert editor.isEnabled()

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

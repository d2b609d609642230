"""The token of the Hub: in the keyring or for this run, asked for, forgotten, never in a file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit

from tests.fakes import key_ring
from tests.ui.conftest import Desk, Run, until
from tests.ui.settings_use import Panel

SECRET = "hf_aSecretThatNobodySees"
NAME = ("hearth", "huggingface")


@pytest.fixture
def ring() -> Iterator[key_ring.MemoryKeyring]:
    made = key_ring.MemoryKeyring()
    with key_ring.in_use(made):
        yield made


@pytest.fixture
def panel(desk: Desk) -> Panel:
    return Panel(desk)


def state(panel: Panel) -> str:
    return panel.part(QLabel, "state-hub-token").text()


def shown(panel: Panel, button: str) -> bool:
    return not panel.button(f"{button}-hub-token").isHidden()


def has_secret(folder: Path) -> bool:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # SQLite's journal comes and goes
            if SECRET.encode() in file.read_bytes():
                return True
    return False


async def open_at_token(panel: Panel) -> None:
    await panel.open("models")
    await until(lambda: not panel.desk.services.tasks.running)


def test_a_token_is_kept_in_the_keyring_and_forgotten_again(
    run: Run, ring: key_ring.MemoryKeyring, panel: Panel, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await open_at_token(panel)
        assert state(panel) == "No token is known."
        assert shown(panel, "keep")
        assert not shown(panel, "keepForNow")
        assert not shown(panel, "forget")
        line = panel.line("hub-token")
        assert line.echoMode() is QLineEdit.EchoMode.Password
        assert not panel.button("keep-hub-token").isEnabled()
        QTest.keyClicks(line, SECRET)
        panel.button("keep-hub-token").click()
        assert line.text() == ""
        await until(lambda: "kept in your system's keyring" in state(panel))
        assert ring.secrets == {NAME: SECRET}
        panel.type("hub.endpoint", "https://hub.example")
        panel.button("settingsBackButton").click()  # writes the settings
        await until(lambda: panel.desk.settings.path.exists())
        assert not has_secret(tmp_path)
        await open_at_token(panel)
        panel.button("forget-hub-token").click()
        await until(lambda: state(panel) == "No token is known.")
        assert ring.secrets == {}

    run(panel.play(scenario()))


def test_without_a_keyring_the_person_is_told_and_may_keep_it_for_this_run(
    run: Run, panel: Panel, tmp_path: Path
) -> None:
    async def scenario() -> None:
        keys = panel.desk.services.credentials
        assert keys is not None
        await open_at_token(panel)
        assert "No keyring works on this computer" in state(panel)
        assert "never written into a file" in state(panel)
        assert shown(panel, "keepForNow")
        assert not shown(panel, "keep")
        line = panel.line("hub-token")
        QTest.keyClicks(line, SECRET)
        QTest.keyClick(line, Qt.Key.Key_Return)
        await until(lambda: "known until Hearth is closed" in state(panel))
        assert await keys.get("huggingface") == SECRET
        panel.type("hub.endpoint", "https://hub.example")
        panel.button("settingsBackButton").click()
        await until(lambda: panel.desk.settings.path.exists())
        assert not has_secret(tmp_path)

    run(panel.play(scenario()))


def test_a_keyring_that_is_locked_is_told_of(
    run: Run, ring: key_ring.MemoryKeyring, panel: Panel
) -> None:
    async def scenario() -> None:
        ring.locked = True
        await open_at_token(panel)
        QTest.keyClicks(panel.line("hub-token"), SECRET)
        panel.button("keep-hub-token").click()
        await until(lambda: "known until Hearth is closed" in state(panel))
        assert "The keyring is locked" in state(panel)
        assert ring.secrets == {}

    run(panel.play(scenario()))


def test_the_token_of_the_environment_is_offered_and_not_taken(
    run: Run, ring: key_ring.MemoryKeyring, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)

    async def scenario() -> None:
        await open_at_token(panel)
        assert shown(panel, "offer")
        assert ring.secrets == {}
        assert SECRET not in panel.button("offer-hub-token").toolTip()
        panel.button("offer-hub-token").click()
        await until(lambda: ring.secrets == {NAME: SECRET})
        await until(lambda: not shown(panel, "offer"))

    run(panel.play(scenario()))


def test_what_is_no_token_is_refused_as_it_is_typed(
    run: Run, ring: key_ring.MemoryKeyring, panel: Panel
) -> None:
    async def scenario() -> None:
        await open_at_token(panel)
        line = panel.line("hub-token")
        QTest.keyClicks(line, "my token")
        assert panel.wrong("hub-token") == "Not kept: a token has no spaces and no special letters."
        assert not panel.button("keep-hub-token").isEnabled()
        QTest.keyClick(line, Qt.Key.Key_Return)
        assert ring.secrets == {}
        panel.type("hub-token", SECRET)
        assert panel.wrong("hub-token") == ""
        assert not panel.can_reset("hub-token"), "it is forgotten, not reset"

    run(panel.play(scenario()))

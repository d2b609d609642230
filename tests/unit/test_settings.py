"""The settings file: kept, salvaged where it is damaged, and never a place for secrets."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import StorageError
from app.schema import Sampling
from app.settings import Appearance, ProviderSettings, Settings, SettingsFile
from app.settings_migrations import VERSION, migrated


def test_settings_survive_a_round_trip(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "deep" / "settings.json")
    file.settings.appearance.theme = "dark"
    file.settings.chat.temperature = 0.2
    for name in ("a", "b", "a"):
        file.settings.models.opened(name)
    file.save()
    again = SettingsFile(file.path)
    assert again.settings == file.settings
    assert again.settings.models.recent == ("a", "b")
    assert again.settings.chat.sampling() == Sampling(temperature=0.2)
    assert again.problem == ""


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"appearance": {"theme": "purple"}}', '{"version": 99}', '{"version": "x"}'],
)
def test_damaged_settings_are_kept_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    file = SettingsFile(path)
    assert file.settings == Settings()
    assert "settings.json.bak" in file.problem
    assert (tmp_path / "settings.json.bak").read_text() == text


def test_one_wrong_setting_does_not_cost_the_others(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    good = {"name": "mine", "kind": "vllm", "url": "http://127.0.0.1:9"}
    wrong = [{"name": "Bad Name", "kind": "vllm"}, {"kind": "ollama"}, {**good, "proxy": "a:b@c"}]
    text = json.dumps(
        {
            "appearance": {"theme": "purple", "text_size": 1.5},
            "chat": "no section at all",
            "providers": {"configured": [wrong[0], good, *wrong[1:]], "discover": False},
        }
    )
    path.write_text(text)
    file = SettingsFile(path)
    assert file.settings.appearance == Appearance(text_size=1.5)
    assert [one.name for one in file.settings.providers.configured] == ["mine"]
    assert not file.settings.providers.discover
    for name in ("appearance.theme", "chat", "providers.configured.0", "providers.configured.3"):
        assert name in file.problem
    assert "a:b@c" not in file.problem
    assert (tmp_path / "settings.json.bak").read_text() == text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "https://me:secret@example.org/v1"),
        ("url", "https://example.org/v1?api_key=secret"),
        ("proxy", "http://me:secret@proxy:3128"),
        ("query", {"Key": "secret"}),
        ("headers", {"Proxy-Authorization": "Basic secret"}),
    ],
)
def test_no_secret_gets_into_the_settings_file(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        ProviderSettings.model_validate({"name": "a", "kind": "vllm", field: value})
    assert "secret" not in str(caught.value)
    assert "key" in str(caught.value)


def test_settings_that_cannot_be_written_say_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    file = SettingsFile(tmp_path / "file" / "settings.json")
    with pytest.raises(StorageError, match="could not be saved"):
        file.save()


def test_settings_file_is_readable_json(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "s.json")
    file.save()
    assert json.loads(file.path.read_text())["version"] == VERSION


def test_an_older_file_is_brought_up_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    mine = {
        "name": "mine",
        "kind": "vllm",
        "url": "https://me:secret@example.org/v1",
        "query": {"api_key": "secret", "region": "eu"},
    }
    plain = {"name": "plain", "kind": "ollama", "proxy": "http://proxy:3128"}
    old = {"version": 1, "providers": {"configured": [mine, plain]}, "chat": {"top_k": 7}}
    path.write_text(json.dumps(old))
    file = SettingsFile(path)
    first, second = file.settings.providers.configured
    assert (first.url, first.query) == ("https://example.org/v1", {"region": "eu"})
    assert second.proxy == "http://proxy:3128"
    assert file.settings.chat.top_k == 7
    assert "mine" in file.problem
    assert "plain" not in file.problem
    assert "secret" not in path.read_text() + file.problem
    again = SettingsFile(path)
    assert (again.settings, again.problem) == (file.settings, "")


@pytest.mark.parametrize("data", [{"version": 0}, {"version": VERSION + 1}, {"version": "x"}])
def test_a_version_that_is_none_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"version|invalid literal"):
        migrated(data)

"""What `hearth doctor` says of the library and of Hugging Face, which it never asks."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import core as cores
from app import paths
from app.cli import doctor
from tests.adapters.library_use import as_another_user, folder_of_another_user, hub_file
from tests.adapters.test_cli import hearth
from tests.fakes import gguf_small
from tests.fakes.hub.server import FakeHub


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    made = tmp_path / "home"
    (made / "models").mkdir(parents=True)
    return made


@pytest.fixture
def strange() -> Iterator[Path]:
    with folder_of_another_user() as folder:
        yield folder


def settings(home: Path, **sections: object) -> cores.Core:
    """The core with those settings."""
    (home / "settings.json").write_text(json.dumps(sections))
    return cores.build(paths.find(str(home)))


def test_the_library_is_counted_and_the_hub_is_not_asked(home: Path, tmp_path: Path) -> None:
    file = gguf_small.model(home / "models" / "mine.gguf", "Mine")
    gguf_small.adapter(home / "models" / "lora.gguf")
    cache = tmp_path / "person" / ".cache" / "huggingface" / "hub"
    hub_file(cache, "someone/Cached-GGUF", "c.gguf", gguf_small.model(tmp_path / "c.gguf", "Else"))
    with FakeHub() as hub:
        done = hearth(home, "doctor", "--json", HF_ENDPOINT=hub.url)
        findings = {one["name"]: one for one in json.loads(done.stdout)}
        assert findings["models"]["value"] == (
            "4 in all, 3 can be loaded, 1 of Hugging Face"  # with the starter
        )
        assert findings["Hugging Face"]["value"] == f"{hub.url}, asked when you search and fetch"
        assert not hub.received
    assert file.exists()


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs another user")
def test_a_folder_that_cannot_be_read_is_named(
    strange: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(strange))
    gguf_small.model(strange / "closed" / "model.gguf")
    (strange / "closed").chmod(0)
    core = settings(strange, models={"folders": [str(strange)]})
    with as_another_user():
        problems = [one for one in doctor._library(core) if not one.ok]
    assert [str(strange / "closed") in one.value for one in problems] == [True]
    assert problems[0].remedy
    assert not problems[0].needed, "Hearth works without it"


@pytest.mark.parametrize(
    ("sections", "environment", "said"),
    [
        ({}, {}, "https://huggingface.co, asked when you search and fetch"),
        ({"hub": {"endpoint": "mirror.example"}}, {}, "https://mirror.example, asked when"),
        ({"hub": {"look_for_changes": True}}, {}, "and once a week for changes"),
        (
            {"providers": {"stay_offline": True}},
            {},
            "never asked, because Hearth is set to stay offline",
        ),
        ({}, {"HF_HUB_OFFLINE": "1"}, "never asked, because HF_HUB_OFFLINE is set"),
        ({"hub": {"endpoint": "ftp://mirror.example"}}, {}, "ftp"),
    ],
)
def test_where_models_come_from_and_whether_it_is_asked(
    home: Path,
    sections: dict[str, object],
    environment: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = doctor._hub(settings(home, **sections))
    assert said in found.value
    assert found.ok is (said != "ftp")
    assert not found.needed

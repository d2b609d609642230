"""The settings as data: each is described once, can be found, and is checked as it is typed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from app import software
from app.schema import ProviderKind
from app.settings import Settings, SettingsFile
from app.ui.settings import checks, facts
from app.ui.settings.rows import Fact, Panel, Row, Secret, WrongValue
from app.ui.settings.table import SECTIONS
from app.ui.settings.values import Values

ROWS = [row for section in SECTIONS for row in section.rows]
# What the window sets elsewhere, or by itself.
ELSEWHERE = {
    "hub.looked_at",
    "version",
    "models.selected",  # by the model's button
    "models.adapters",
    "models.recent",
    "models.names",  # by Rename on the page of the models
    "models.wishes",  # by the panel of the chosen model
    "providers.configured",  # on the page of the servers
    "providers.greeted",
}


def leaves(settings: BaseModel, before: str = "") -> Iterator[str]:
    for name, value in settings:
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def found(wanted: str) -> set[str]:
    return {row.key for section in SECTIONS for row in section.found(wanted)}


def values(folder: Path, **given: object) -> Values:
    file = folder / "settings.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    return Values(SettingsFile(file))


def test_everything_that_can_be_set_has_its_row() -> None:
    shown = {row.path for row in ROWS if row.path}
    assert shown | ELSEWHERE == set(leaves(Settings()))
    assert not shown & ELSEWHERE


def test_every_row_is_known_by_one_key() -> None:
    keys = [row.key for row in ROWS]
    assert len(set(keys)) == len(keys)
    assert all(keys)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_row_has_one_plain_sentence(row: Row) -> None:
    assert row.about.endswith(".")
    assert row.about.count(". ") == 0, "one sentence"
    assert "!" not in row.sentence
    assert row.name == row.name.strip() != ""
    assert row.words == row.words.casefold()
    assert bool(row.path) != isinstance(row.control, Fact | Panel | Secret)


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        ("dark mode", "appearance.theme"),
        ("Zoom", "appearance.text_size"),
        ("mirror", "hub.endpoint"),
        ("certificate ca", "hub.ca_file"),
        ("fallback", "providers.fallback"),
        ("bandwidth", "hub.speed_limit"),
        ("creativity", "chat.temperature"),
        ("license", "licences"),
        ("telemetry", "telemetry"),
        ("HF token", "hub-token"),
        ("startup", "models.default"),
        ("embeddings", "models.embedding"),
        ("privacy offline", "privacy-offline"),
    ],
)
def test_people_find_a_setting_by_their_own_word_for_it(wanted: str, key: str) -> None:
    assert key in found(wanted.replace("HF", "huggingface"))


def test_all_words_of_a_search_must_occur() -> None:
    assert "appearance.theme" in found("theme")
    assert "appearance.theme" not in found("theme token")
    assert not found("xylophone")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("chat.temperature", 5.5, "It must be at most 5."),
        ("chat.temperature", -1, "It must be at least 0."),
        ("chat.top_p", 0, "It must be more than 0."),
        ("chat.repeat_penalty", 0, "It must be more than 0."),
        ("chat.max_tokens", 0, "It must be at least 1."),
        ("chat.top_k", 1.5, "Write a whole number."),
        ("chat.temperature", "warm", "Write a number, such as 0.5."),
        ("hub.proxy", "http://me:pass@proxy:3128", "The address holds a password: "),
        ("hub.endpoint", "https://hub.example?token=x", "The address holds a key: "),
    ],
)
def test_a_wrong_value_is_refused_in_plain_words_and_changes_nothing(
    tmp_path: Path, path: str, value: object, said: str
) -> None:
    known = values(tmp_path)
    with pytest.raises(WrongValue, match=said[:-1]) as refused:
        known.put(path, value)
    assert "pass" not in str(refused.value).replace("password", "")
    assert known.is_default(path)


def test_a_value_that_differs_from_its_default_is_known_to(tmp_path: Path) -> None:
    known = values(tmp_path, chat={"top_k": 20})
    assert not known.is_default("chat.top_k")
    assert known.put("chat.top_k", 40)
    assert not known.put("chat.top_k", 40), "that changed nothing"
    assert known.is_default("chat.top_k")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        (" https://hf-mirror.com/ ", "https://hf-mirror.com"),
        ("http://a:80", "http://a:80"),
        ("hf-mirror.com", "https://hf-mirror.com"),
        ("hub.example.org:8443/hf/", "https://hub.example.org:8443/hf"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ],
)
def test_an_address_is_made_and_kept_whole(text: str, kept: str) -> None:
    assert checks.address(text) == kept


@pytest.mark.parametrize(
    "text",
    ["https:", "https:/", "https://", "hub", "ftp://a", "a.b:c", "a.b c", "a.b?x=1", "http://a:b"],
)
def test_half_an_address_is_refused(text: str) -> None:
    with pytest.raises(WrongValue, match="no whole address"):
        checks.address(text)


def test_a_proxy_may_be_of_another_kind() -> None:
    assert checks.proxy("socks5://127.0.0.1:1080") == "socks5://127.0.0.1:1080"
    with pytest.raises(WrongValue, match="no whole address"):
        checks.proxy("gopher://127.0.0.1")


def test_a_path_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("")
    assert checks.file(str(file)) == str(file)
    assert checks.file(" ") == ""
    assert checks.folder(str(tmp_path / "later")) == str(tmp_path / "later")
    for check, text, said in (
        (checks.file, str(tmp_path), "no such file"),
        (checks.folder, str(file), "not a folder"),
        (checks.folder, "models", "whole path"),
        (checks.folder, "~nobody-of-this-name/models", "no such person"),
    ):
        with pytest.raises(WrongValue, match=said):
            check(text)


KINDS = {
    "openai": ProviderKind("openai", "OpenAI", "https://api.openai.com/v1", is_cloud=True),
    "ollama": ProviderKind("ollama", "Ollama", "http://127.0.0.1:11434"),
}


def told(**given: object) -> str:
    return facts.leaves(Settings.model_validate(given), KINDS)


def test_what_leaves_the_computer_is_told_by_what_is_set_up() -> None:
    assert "No cloud service and no server on another computer is set up." in told()
    assert "huggingface.co is asked only when you search" in told()
    assert "once a week" in told(hub={"look_for_changes": True})
    assert "hub.example is asked" in told(hub={"endpoint": "https://hub.example/hub"})
    assert "this computer alone" in told()
    assert "this computer alone" not in told(providers={"discover": False})
    cloud = {"name": "openai", "kind": "openai"}
    attic = {"name": "attic", "kind": "ollama", "url": "http://192.0.2.7:11434", "title": "Attic"}
    here = {"name": "here", "kind": "ollama"}
    said = told(providers={"configured": [cloud, attic, here], "fallback": ["openai:gpt"]})
    assert "OpenAI, a cloud service at api.openai.com, gets the whole chat" in said
    assert "stands in for another" in said
    assert "Attic, another computer at 192.0.2.7, gets" in said
    assert "127.0.0.1" not in said
    off = told(providers={"configured": [{**cloud, "enabled": False}]})
    assert "OpenAI" not in off


def test_while_hearth_stays_offline_nothing_leaves() -> None:
    said = told(
        providers={"stay_offline": True, "configured": [{"name": "openai", "kind": "openai"}]}
    )
    assert "nothing leaves this computer" in said
    assert "OpenAI" not in said
    assert "cannot be searched or fetched" in said


def test_the_languages_are_those_whose_files_are_there(tmp_path: Path) -> None:
    assert facts.languages(tmp_path) == (("en", "English"),)
    (tmp_path / "translations").mkdir()
    (tmp_path / "translations" / "hearth_de.qm").write_bytes(b"")
    assert facts.languages(tmp_path) == (("en", "English"), ("de", "Deutsch"))


def test_the_packages_and_their_licences_are_those_that_are_installed() -> None:
    known = {one.name.lower().replace("_", "-"): one for one in software.packages()}
    assert {"pydantic", "httpx", "llama-cpp-python", "pyside6-essentials"} <= known.keys()
    assert "linkify-it-py" in known, "what an extra of a package asks for"
    assert not {"pytest", "ruff", "hearth"} & known.keys(), "Hearth runs without these"
    assert known["pydantic"].licence == "MIT"
    assert "LGPL" in known["pyside6-essentials"].licence
    assert software.packages("no-package-of-this-name") == []


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("License: BSD", "BSD"),
        ("License: " + "word " * 30 + "\nClassifier: License :: OSI Approved :: ISC", "ISC"),
        ("Classifier: License :: OSI Approved", software.NOT_STATED),
        ("Summary: none", software.NOT_STATED),
    ],
)
def test_a_licence_is_named_and_not_recited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, licence: str
) -> None:
    folder = tmp_path / "odd_package-1.0.dist-info"
    folder.mkdir()
    folder.joinpath("METADATA").write_text(f"Name: odd-package\nVersion: 1.0\n{lines}\n")
    root = tmp_path / "rooted-2.0.dist-info"
    root.mkdir()
    root.joinpath("METADATA").write_text(
        "Name: rooted\nVersion: 2.0\nRequires-Dist: odd.package>=1\n"
        "Requires-Dist: missing-here; sys_platform == 'win32'\n"
        "Requires-Dist: pytest; extra == 'dev'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert software.packages("rooted") == [software.Package("odd-package", "1.0", licence)]

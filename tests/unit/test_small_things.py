"""Wording, titles, settings, logging, references, the factory: the leaves."""

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import log, paths, storage, wording
from app.conversation import titles
from app.errors import AlreadyRunning, ContextOverflow, UsageError
from app.instance import InstanceLock, is_held
from app.llm.providers.factory import ProviderFactory
from app.schema import Endpoint, FinishReason, ModelRef, Usage

USAGE = Usage(1204, 1000, 128, 0.5, 0.42, 3.3)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1054208, "1.1 MB"),
        (4_100_000_000, "4.1 GB"),
        (3e15, "3000.0 TB"),
    ],
)
def test_sizes_are_rounded_for_people(count: int, text: str) -> None:
    assert wording.size(int(count)) == text


def test_numbers_carry_their_units() -> None:
    assert wording.parameters(260_032) == "260 K"
    assert wording.parameters(7_600_000_000) == "7.6 B"
    assert wording.parameters(12) == "12"
    assert [wording.seconds(v) for v in (0.04, 0.8, 12.3, 200)] == [
        "40 ms",
        "0.8 s",
        "12 s",
        "3 min",
    ]
    assert wording.rate(38.4) == "38 tokens/s"
    assert wording.rate(3.14) == "3.1 tokens/s"


def test_one_quiet_line_of_figures() -> None:
    assert wording.statistics(USAGE, FinishReason.STOP) == (
        "1,204 prompt tokens (1,000 remembered) · 128 generated · 38 tokens/s · "
        "first token after 0.4 s · finished"
    )
    assert wording.statistics(None, FinishReason.CANCELLED) == "stopped"
    assert wording.statistics(None, None) == ""
    assert Usage(1, 0, 1, 0, 0, 0).tokens_per_second is None


@pytest.mark.parametrize(
    ("question", "answer", "title"),
    [
        ("How do I choose a model? I have 8 GB.", "", "How do I choose a model?"),
        ("hi", "Hello! How can I help you today?", "Hello!"),
        ("hi", "", "hi"),
        ("", "", titles.UNTITLED),
        ("```python\nx\n```", "", titles.UNTITLED),
        ("**Fix** the `bug` in [this](http://x) file\nplease", "", "Fix the bug in this file"),
        ("word " * 40, "", "word word word word word word word word word…"),
        ("x" * 90, "", "x" * 48 + "…"),
    ],
)
def test_a_chat_is_named_after_its_first_exchange(question: str, answer: str, title: str) -> None:
    assert titles.from_exchange(question, answer) == title


@given(question=st.text(max_size=3000), answer=st.text(max_size=300))
def test_every_title_is_one_short_line(question: str, answer: str) -> None:
    title = titles.from_exchange(question, answer)
    assert 0 < len(title) <= titles.MAX_LENGTH + 1
    assert "\n" not in title


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    storage.write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        storage.write_atomically(path, "new \udcff")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer abcdefgh12345678",
        "https://x/?key=AIzaSyA1234567890",
        "sk-abcdefghijkl1234",
    ],
)
def test_keys_are_blacked_out_in_the_log(tmp_path: Path, secret: str) -> None:
    handler = log.set_up(tmp_path)
    try:
        logging.getLogger("app.net").info("asking with %s now", secret)
    finally:
        log.tear_down(handler)
    text = (tmp_path / "hearth.log").read_text()
    assert "[redacted]" in text
    assert "12345678" not in text
    assert "1234567890" not in text
    assert "abcdefghijkl" not in text


def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    handler = log.set_up(tmp_path / "file")
    logging.getLogger("app").info("unheard")
    log.tear_down(handler)


def test_home_moves_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "a"))
    assert paths.find().database == tmp_path / "a" / "hearth.db"
    assert paths.find(str(tmp_path / "b")).models == tmp_path / "b" / "models"
    found = paths.find(str(tmp_path / "b"))
    found.create()
    assert found.logs.is_dir()
    monkeypatch.delenv(paths.HOME_VARIABLE)
    assert "earth" in str(paths.find().data)
    assert (paths.resources() / "themes").is_dir()


def test_one_data_folder_has_one_hearth(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "hearth.lock"), InstanceLock(tmp_path / "hearth.lock")
    assert not is_held(tmp_path / "hearth.lock")
    first.acquire()
    assert is_held(tmp_path / "hearth.lock")
    with pytest.raises(AlreadyRunning, match=r"already open on .*process \d+.*--home"):
        second.acquire()
    assert not second.held
    second.release()
    first.release()
    second.acquire()
    second.release()
    assert not is_held(tmp_path / "hearth.lock")


def test_model_references() -> None:
    assert ModelRef.parse("local:/a:b.gguf") == ModelRef("local", "/a:b.gguf")
    assert str(ModelRef("ollama", "llama3.2:1b")) == "ollama:llama3.2:1b"
    assert [ModelRef.parse(text) for text in ("", "x", ":x", "x:")] == [None] * 4


def test_the_factory_knows_its_kinds() -> None:
    made: Any = object()
    factory = ProviderFactory({"local": lambda _endpoint: made})
    assert factory.make(Endpoint("here", "local")) is made
    with pytest.raises(UsageError, match="no provider of the kind “odd”"):
        factory.make(Endpoint("x", "odd"))


def test_errors_are_sentences() -> None:
    error = ContextOverflow(9000, 8192)
    assert str(error).startswith("This needs 9,000 tokens, and the context holds 8,192.")
    assert (error.prompt_tokens, error.context) == (9000, 8192)

"""What every test has: silence, no network but loopback, no thread left behind, real models."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from tests.fakes import gguf_models

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
for _name in ("HEARTH_HOME", "HF_ENDPOINT", "QT_SCALE_FACTOR"):
    os.environ.pop(_name, None)

STORIES = Path(__file__).parents[2] / "shared" / "models" / "stories260K.gguf"
THREAD_GRACE = 2.0  # seconds for a thread that is ending


def _keep_to_one_core() -> None:
    """Of workers beside each other each has a core of its own (pytest-xdist).

    llama.cpp's threads wait for each other by spinning: on cores that two workers share, an answer
    would take a hundred times as long.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker.startswith("gw") and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker[2:]) % len(cores)]})


_keep_to_one_core()

if os.environ.get("HEARTH_TEST_WITHOUT_QT"):

    class _NoQt:
        """Makes PySide6 look as if it were not installed."""

        def find_spec(self, name: str, *_rest: object) -> None:
            if name.partition(".")[0] in ("PySide6", "shiboken6", "qasync"):
                raise ModuleNotFoundError(f"{name} is hidden from this run")

    sys.meta_path.insert(0, _NoQt())

    def pytest_addoption(parser: pytest.Parser) -> None:
        """The settings of pytest-qt, which is not there to know them."""
        for name in ("qt_api", "qt_log_level_fail", "qt_log_ignore"):
            parser.addini(name, "for pytest-qt")


# Where programs keep models, when it is not where they usually are; and the person's own switches.
MODEL_PLACES = (
    "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE", "LLAMA_CACHE",
    "OLLAMA_MODELS", "LOCALAI_MODELS_PATH", "JAN_DATA_ROOT", "JAN_DATA_FOLDER",
    "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
)  # fmt: skip


def _tools_at_home() -> dict[str, str]:
    """What the set-up needs of the real home: pip's cache and settings, Python, git's settings."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    kept = {"PIP_CACHE_DIR": Path(platformdirs.user_cache_dir("pip", appauthor=False))}
    known = {
        "PIP_CONFIG_FILE": (config / "pip" / "pip.conf", home / ".pip" / "pip.conf"),
        "GIT_CONFIG_GLOBAL": (home / ".gitconfig", config / "git" / "config"),
        "PYENV_ROOT": (home / ".pyenv",),
        "CCACHE_DIR": (home / ".ccache", home / ".cache" / "ccache"),
    }
    for name, places in known.items():
        there = [place for place in places if place.exists()]
        if there:
            kept[name] = there[0]
    return {name: str(path) for name, path in kept.items() if name not in os.environ}


@pytest.fixture(scope="session", autouse=True)
def _empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test sees the models of other programs that the real home may hold."""
    home = tmp_path_factory.mktemp("person")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _tools_at_home().items():
            patch.setenv(name, value)
        for name in MODEL_PLACES:
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
            assert is_loopback, f"a test tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@pytest.fixture
def expected_warnings() -> list[str]:
    """Texts of log warnings that a test provokes on purpose."""
    return []


@pytest.fixture(autouse=True)
def _silence(expected_warnings: list[str]) -> Iterator[None]:
    listener = _Listener()
    logging.getLogger().addHandler(listener)
    yield
    logging.getLogger().removeHandler(listener)
    unexpected = [
        text for text in listener.heard if not any(known in text for known in expected_warnings)
    ]
    assert not unexpected, "the log should be silent"


def _threads() -> set[threading.Thread]:
    """Those of Python. A dummy stands for one of Qt's that once asked for its own name, stays for
    ever, and says nothing of that thread's life; Qt itself complains of one that is left.
    """
    return {
        thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)
    }


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    before = _threads()
    yield
    end = time.monotonic() + THREAD_GRACE
    while (left := _threads() - before) and time.monotonic() < end:
        time.sleep(0.01)
    assert not left, f"threads are left: {left}"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny(model_folder: Path) -> Path:
    """Random weights, a vocabulary of its own, a ChatML template."""
    return gguf_models.write_random_model(model_folder / "tiny.gguf")


@pytest.fixture(scope="session")
def bare(model_folder: Path) -> Path:
    """Random weights, no chat template and no ChatML tokens."""
    return gguf_models.write_random_model(
        model_folder / "bare.gguf",
        chat_template=None,
        special_tokens=("<|endoftext|>",),
        name="Bare",
    )


PARROT_REPLY = (
    "# Colours\n\nA **parrot** says `squawk`, été and 🦜.\n\n- red\n- green and blue\n\n"
    "```python\nprint('hello')\n```\n\nThat is all."
)


@pytest.fixture(scope="session")
def parrot(model_folder: Path) -> Path:
    """Always answers PARROT_REPLY."""
    return gguf_models.write_parrot_model(model_folder / "parrot.gguf", PARROT_REPLY)


@pytest.fixture(scope="session")
def endless(model_folder: Path) -> Path:
    """Talks until its context of 30,000 tokens is full."""
    return gguf_models.write_parrot_model(
        model_folder / "endless.gguf",
        " ".join(f"word{index}" for index in range(300)) + " and again,",
        loop=True,
        context=30_000,
        name="Endless",
    )


@pytest.fixture(scope="session")
def slow(model_folder: Path) -> Path:
    """Big enough that a prompt of thousands of tokens takes seconds."""
    shape = gguf_models.Shape(512, 2048, 8, 8, 8, 16_384)
    return gguf_models.write_random_model(model_folder / "slow.gguf", shape=shape, name="Slow")


@pytest.fixture(params=["tiny", "stories260K"])
def any_model(request: pytest.FixtureRequest, tiny: Path) -> Path:
    """The project's own model, and the trained one where it is at hand."""
    if request.param == "tiny":
        return tiny
    if not STORIES.exists():
        pytest.skip(f"{STORIES} is not here; the project's own model takes the same path")
    return STORIES

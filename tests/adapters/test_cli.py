"""The command line, run as people run it: its own process, its exit codes, its two streams."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import __version__, gguf, paths
from app.cli import doctor, parser
from tests.adapters.conftest import llama_alone
from tests.conftest import PARROT_REPLY, STORIES

Result = subprocess.CompletedProcess[str]


def hearth(home: Path, *arguments: object, stdin: str = "", **environment: str) -> Result:
    return subprocess.run(
        [sys.executable, "-m", "app", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HEARTH_HOME": str(home), **environment},
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_ask_prints_the_answer_and_nothing_else(home: Path, parrot: Path) -> None:
    done = hearth(home, "ask", "--model", parrot, "hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, PARROT_REPLY, "")


def test_ask_reads_standard_input_and_gives_figures(home: Path, parrot: Path) -> None:
    done = hearth(home, "ask", "--model", parrot, "--stats", "-", stdin="hello\n")
    assert done.stdout == PARROT_REPLY
    assert "prompt tokens" in done.stderr
    assert done.stderr.endswith("finished\n")


def test_ask_as_json(home: Path, parrot: Path) -> None:
    done = hearth(home, "ask", "--model", parrot, "--json", "--max-tokens", "3", "hello")
    answer = json.loads(done.stdout)
    assert answer["text"] == "# Colours\n\nA"
    assert (answer["model"], answer["finish_reason"]) == ("Parrot", "length")
    assert answer["usage"]["generated_tokens"] == 3


@pytest.mark.skipif(not STORIES.exists(), reason=f"{STORIES} is not here")
def test_the_promised_greedy_line(home: Path) -> None:
    done = hearth(
        home, "ask", "--model", STORIES, "--raw", "--temperature", "0", "Once upon a time"
    )
    assert done.stdout == llama_alone(STORIES, "Once upon a time")["text"]


def test_sampling_options_reach_the_model(home: Path, tiny: Path) -> None:
    def ask(*options: object) -> str:
        return hearth(
            home, "ask", "--model", tiny, "--raw", "--max-tokens", 12, *options, "a"
        ).stdout

    assert ask("--seed", 1) == ask("--seed", 1) != ask("--seed", 2)
    assert ask("--top-p", 0, "--seed", 1) == ask("--top-p", 0, "--seed", 2)
    assert ask("--temperature", 0) == ask("--temperature", 0, "--seed", 5)


def test_a_system_text_reaches_the_model(home: Path, tiny: Path) -> None:
    def prompt_tokens(*options: str) -> int:
        done = hearth(home, "ask", "--model", tiny, "--json", "--max-tokens", 1, *options, "hello")
        return int(json.loads(done.stdout)["usage"]["prompt_tokens"])

    assert prompt_tokens("--system", "Be brief, please") > prompt_tokens() + 16


def test_the_fallback_is_told_on_standard_error(home: Path, bare: Path) -> None:
    done = hearth(home, "ask", "--model", bare, "--max-tokens", 2, "hello")
    assert done.returncode == 0
    assert "no chat template" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask"],
        ["ask", "--temperature", "hot", "x"],
        ["ask", "--temperature", "-1", "x"],
        ["ask", "--max-tokens", "0", "x"],
        ["ask", "--top-p", "2", "x"],
        ["ask", "--nonsense", "x"],
        ["ask", "   "],
        ["models"],
        ["models", "paint"],
        ["a.gguf", "b.gguf"],
    ],
)
def test_usage_errors_are_2(home: Path, arguments: list[str]) -> None:
    done = hearth(home, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated", "folder", "version"])
def test_known_errors_are_1_with_a_remedy(
    home: Path, tmp_path: Path, tiny: Path, kind: str
) -> None:
    file = tmp_path / "it's “odd” 🦜 name.gguf"
    data = {
        "empty": b"",
        "text": b"Hello, I am a text file",
        "truncated": tiny.read_bytes()[:200_000],
        "version": b"GGUF\x09\0\0\0" + b"\0" * 16,
    }
    if kind == "folder":
        file.mkdir()
    elif kind in data:
        file.write_bytes(data[kind])
    for command in (["ask", "--model", file, "hi"], ["models", "info", file]):
        done = hearth(home, *command)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("hearth: ")
        assert len(done.stderr.splitlines()) == 2, "a sentence and its remedy"


def test_without_a_model_the_starter_answers(home: Path) -> None:
    done = hearth(home, "ask", "--seed", "1", "Is my data private?")
    assert done.returncode == 0
    assert "computer" in done.stdout
    told = hearth(home, "ask", "--json", "hello").stdout
    assert json.loads(told)["model"] == "Starter"


def test_a_prompt_longer_than_the_context(home: Path, tiny: Path) -> None:
    done = hearth(home, "ask", "--model", tiny, "-", stdin="word " * 400_000)
    assert done.returncode == 1
    assert "the context holds 512" in done.stderr


def test_interrupted_is_130_and_keeps_what_was_printed(home: Path, endless: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "ask", "--model", str(endless), "talk"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "HEARTH_HOME": str(home)},
    )
    assert process.stdout is not None
    begun = process.stdout.read(20)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert begun.startswith(b"word0 word1")
    assert process.returncode == 130
    assert errors == b"Stopped.\n"


def test_a_reader_that_goes_away_is_no_traceback(home: Path, parrot: Path) -> None:
    command = f"{sys.executable} -m app ask --model '{parrot}' hello | head -c 3"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "HEARTH_HOME": str(home)},
    )
    assert done.stdout == "# C"
    assert "Traceback" not in done.stderr


def test_models_list_and_info(home: Path, parrot: Path) -> None:
    done = hearth(home, "models", "list")
    assert done.stdout.startswith("Starter: explains Hearth; get a larger model for real work\t")
    (home / "models").mkdir(parents=True, exist_ok=True)
    copy = shutil.copy(parrot, home / "models" / "bird.gguf")
    done = hearth(home, "models", "list")
    first, second = done.stdout.splitlines()
    assert first.startswith("Parrot\t")
    assert first.endswith(str(copy))
    assert second.startswith("Starter: ")
    listed = json.loads(hearth(home, "models", "list", "--json").stdout)
    assert listed[0]["ref"] == f"local:{copy}"
    told = hearth(home, "models", "info", copy).stdout
    assert "F32" in told
    assert "tokenizer.chat_template" in told
    info = json.loads(hearth(home, "models", "info", copy, "--json").stdout)
    assert info["trained_context"] == 1024
    assert info["metadata"]["general.name"] == "Parrot"


def test_doctor(home: Path) -> None:
    done = hearth(home, "doctor", "--json", DISPLAY="")
    findings = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert done.returncode == 0
    assert findings["Hearth"]["value"] == __version__
    assert "AVX" in findings["llama.cpp"]["value"] or "NEON" in findings["llama.cpp"]["value"]
    assert findings["data folder"]["ok"]
    assert findings["resources"]["ok"]
    assert findings["starter"]["ok"]
    width = gguf.read(paths.resources() / "models" / "starter.gguf").shape("embedding_length")
    assert f"embedded in {width} numbers" in findings["starter"]["value"]
    assert findings["keyring"]["ok"] is False
    assert findings["keyring"]["remedy"]
    told = hearth(home, "doctor").stdout
    assert "ok  data folder" in told


def test_doctor_names_what_is_amiss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    done = hearth(tmp_path / "file" / "home", "doctor")
    assert done.returncode == 1
    assert "!!  data folder" in done.stdout
    assert "--home FOLDER" in done.stdout
    assert not doctor._package("no-such-package").ok
    monkeypatch.setattr(doctor, "XCB_LIBRARIES", {"libnothing.so.9": "libnothing9"})
    monkeypatch.setenv("DISPLAY", ":9")
    libraries = list(doctor._display())[-1]
    assert not libraries.ok
    assert "apt-get install libnothing9" in libraries.remedy


def test_home_may_stand_before_and_behind_the_command(tmp_path: Path) -> None:
    for arguments in (
        ["--home", "X", "doctor"],
        ["--home=X", "doctor"],
        ["doctor", "--home", "X"],
        ["--home", "X", "models", "list"],
        ["models", "list", "--home", "X"],
    ):
        assert parser.parse(arguments).home == "X"
    assert parser.parse(["--home", "X"]).command == "window"
    assert parser.parse(["file.gguf"]).file == "file.gguf"
    assert parser.parse([]).home is None


def test_version_and_help(home: Path) -> None:
    assert hearth(home, "--version").stdout == f"Hearth {__version__}\n"
    assert "hearth ask PROMPT" in hearth(home, "--help").stdout


def test_ask_does_not_import_qt(home: Path, parrot: Path) -> None:
    script = (
        "import sys\nfrom app.__main__ import main\n"
        f"code = main(['ask', '--model', {str(parrot)!r}, 'hello'])\n"
        "names = ('PySide6', 'shiboken', 'qasync')\n"
        "qt = [name for name in sys.modules if name.startswith(names)]\n"
        "assert not qt, qt\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "HEARTH_HOME": str(home)},
    )
    assert (done.returncode, done.stdout) == (0, PARROT_REPLY), done.stderr


def test_chat_in_the_terminal(home: Path, parrot: Path, tiny: Path) -> None:
    talk = (
        f"hello\n/again\n/new\n\nhi\n/models\n/nonsense\n/model {tiny}\n/model gone.gguf\n/quit\n"
    )
    done = hearth(home, "chat", "--model", parrot, stdin=talk)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{PARROT_REPLY}\n" * 3
    assert "Tiny random" in done.stderr
    assert "not there any more" in done.stderr
    assert "Ctrl+D ends the chat" in done.stderr
    again = hearth(home, "chat", "--model", parrot, stdin="more\n")
    assert again.stdout == f"{PARROT_REPLY}\n"


def test_chat_without_a_model_begins_with_the_starter(home: Path) -> None:
    done = hearth(home, "chat", stdin="What is Hearth?\n")
    assert done.returncode == 0
    assert "Starter: explains Hearth; get a larger model for real work" in done.stderr
    assert "language model" in done.stdout


def test_chat_says_when_nothing_is_kept(tmp_path: Path, parrot: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "hearth.db").write_bytes(b"no database at all " * 300)
    done = hearth(home, "chat", "--model", parrot, stdin="hello\n")
    assert done.stdout == f"{PARROT_REPLY}\n"
    assert "damaged" in done.stderr


def test_without_a_display_the_chat_opens_in_the_terminal(home: Path, parrot: Path) -> None:
    environment = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}
    done = hearth(home, parrot, stdin="hello\n", **environment)
    assert done.returncode == 0
    assert done.stderr.startswith("There is no display here, so Hearth talks in the terminal.")
    assert done.stdout == f"{PARROT_REPLY}\n"


def test_ctrl_c_stops_an_answer_and_not_the_chat(home: Path, endless: Path) -> None:
    """In a real terminal: a pseudo-terminal that sends Ctrl+C."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "chat", "--model", str(endless)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=_take_terminal,
        env={**os.environ, "HEARTH_HOME": str(home), "TERM": "dumb"},
    )
    os.close(follower)
    seen = _read_until(leader, "You: ")
    assert "Endless" in seen
    os.write(leader, b"talk\n")
    _read_until(leader, "word3")
    os.write(leader, b"\x03")
    _read_until(leader, "(stopped)\r\n\r\nYou: ")
    for _ in range(100):  # a key that comes before readline is ready is lost
        os.write(leader, b"\x04")
        try:
            code = process.wait(timeout=0.2)
            break
        except subprocess.TimeoutExpired:
            continue
    assert code == 0
    os.close(leader)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read_until(descriptor: int, text: str) -> str:
    seen = ""
    end = time.monotonic() + 30
    while text not in seen and (rest := end - time.monotonic()) > 0:
        if select.select([descriptor], [], [], rest)[0]:
            seen += os.read(descriptor, 4096).decode("utf-8", "replace")
    assert text in seen, seen[-300:]
    return seen

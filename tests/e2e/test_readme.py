"""Every command of the README does what the README says, run as it stands there."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.program import ROOT
from tests.fakes import gguf_models, gguf_small
from tests.fakes.hub.content import Content
from tests.fakes.hub.server import FakeHub

PROGRAMS = ("hearth", "make", "python3", ".venv", "sudo", "xcode-select", "py", "CMAKE_ARGS")
# For other systems than the one that runs this.
ELSEWHERE = {
    "sudo dnf install gcc-c++ make python3-devel",
    "xcode-select --install",
    "py -3.12 -m venv .venv",
    r".venv\Scripts\pip install .",
    r".venv\Scripts\hearth",
}
DEBIAN = "sudo apt-get install g++ make python3-venv libegl1 libxkbcommon-x11-0 libxcb-cursor0"
# These run the suite itself, need an hour, or need packages that only they need: what is tried is
# that the target is there and that the program behind it starts.
LONG = {
    "make test": "-m pytest --version",
    "make check": "-m ruff --version",
    "make starter": "-m resources.starter.evaluate --help",
}
EXTRA = '.venv/bin/pip install -e ".[transformers]"'  # in full by `make test-transformers`
PLAIN = ["python3 -m venv .venv", ".venv/bin/pip install .", ".venv/bin/hearth"]
COMMAND_LINE = [
    'hearth ask "What is quantisation?"',
    'hearth ask --model FILE.gguf "Why is the sky blue?"',
    "hearth ask --model FILE.gguf --stats - < question.txt",
    'hearth ask --raw --temperature 0 "Once upon a time"',
    "hearth chat",
    "hearth models list",
    "hearth models info FILE.gguf",
    'hearth ask --model ollama:llama3.2 --fallback FILE.gguf "Why is the sky blue?"',
    "hearth providers",
    "hearth serve-status",
    "hearth hardware",
    "hearth plan FILE.gguf",
    "hearth plan FILE.gguf --ctx 16384 --kv q8_0",
    "hearth bench FILE.gguf",
    "hearth bench FILE.gguf --md",
    "hearth doctor",
]
# With the fake Hub in the place of Hugging Face; the last one on a model that may go.
MODELS = [
    "hearth models search qwen3",
    "hearth models pull OWNER/NAME",
    "hearth models pull OWNER/NAME --list",
    "hearth models pull OWNER/NAME:Q4_K_M",
    "hearth models info NAME",
    "hearth models verify",
    "hearth models dedupe",
    "hearth models rm NAME",
]
# What measures or repeats is run small: with a small model and few rounds.
QUICK = {
    "make screenshots": 'make screenshots FOLDER="$OUT"',
    "make bench": "make bench MODEL=FILE.gguf",
    "make bench MODEL=FILE.gguf": "make bench MODEL=FILE.gguf",
    "make soak": "make soak",
    "make help": "make help",
}
STARTS = ["make run", "CMAKE_ARGS=-DGGML_CUDA=on make run", ".venv/bin/hearth"]
WINDOW = "hearth FILE.gguf"


def commands() -> set[str]:
    """What stands in the README's code, blocks and spans, and begins with a program's name."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    found += re.findall(r"`([^`]+)`", text)
    tidy = (" ".join(re.sub(r"\s{2,}#.*", "", each).split()) for each in found)
    return {each for each in tidy if re.match(rf"({'|'.join(map(re.escape, PROGRAMS))})\b", each)}


def test_every_command_is_run() -> None:
    known = {
        *ELSEWHERE,
        DEBIAN,
        EXTRA,
        *LONG,
        *PLAIN,
        *COMMAND_LINE,
        *MODELS,
        *QUICK,
        *STARTS,
        WINDOW,
    }
    # Names, and nothing to type as they stand.
    mentions = {
        "hearth ask", "hearth models", "hearth plan", "hearth.providers", "make", "CMAKE_ARGS",
    }  # fmt: skip
    assert commands() - mentions == known


def shell(
    command: str, tmp_path: Path, stdin: str = "", cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a line as a shell does, with `hearth` on the path, in a Hearth of its own."""
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    hearth = tools / "hearth"
    hearth.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m app "$@"\n')
    hearth.chmod(0o755)
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")  # as on a machine without a screen
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=500,
        env={
            **inherited,
            "HEARTH_HOME": str(tmp_path / "home"),
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **environment,
        },
    )


def with_file(command: str, model: Path) -> str:
    return command.replace("FILE.gguf", shlex.quote(str(model)))


@pytest.mark.parametrize("command", COMMAND_LINE)
def test_the_command_line(command: str, tmp_path: Path, parrot: Path) -> None:
    (tmp_path / "question.txt").write_text("Who is there?")
    done = shell(with_file(command, parrot), tmp_path, stdin="What is Hearth?\n", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if "FILE.gguf" in command and " ask " in command:
        assert "squawk" in done.stdout


def test_finding_fetching_and_deleting_models(tmp_path: Path) -> None:
    """One after the other in the same Hearth; OWNER and NAME are a repository as they stand."""
    file = gguf_small.model(tmp_path / "made.gguf", "NAME")
    content = Content(20_000, head=file.read_bytes())
    with FakeHub() as hub:
        hub.add("OWNER/NAME", {"NAME-Q4_K_M.gguf": content, "NAME-Q8_0.gguf": Content(30_000)})
        hub.add("someone/qwen3-GGUF", {"qwen3-Q8_0.gguf": content})

        def run(command: str, stdin: str = "") -> str:
            done = shell(command, tmp_path, stdin=stdin, cwd=tmp_path, HF_ENDPOINT=hub.url)
            assert done.returncode == 0, done.stderr
            return done.stdout

        search, usual, listing, pull, info, verify, dedupe, remove = MODELS
        assert run(search).startswith("someone/qwen3-GGUF\t")
        target = tmp_path / "home" / "models" / "OWNER" / "NAME" / "NAME-Q4_K_M.gguf"
        assert run(usual) == run(pull) == f"{target}\n"
        assert run(listing).startswith("NAME-Q4_K_M\t")
        assert "general.name = NAME\n" in run(info)
        assert f"good\t{target}\n" in run(verify)
        copy = Path(shutil.copy(target, target.with_name("copy.gguf")))
        assert f"  {copy}\n" in run(dedupe)
        copy.unlink()
        assert run(remove, stdin="y\n").startswith("Deleted NAME: ")
        assert not target.exists()


def test_the_window_with_a_model(tmp_path: Path, parrot: Path) -> None:
    command = with_file(WINDOW, parrot).split(" ", 1)[1]
    environment = {**os.environ, "HEARTH_HOME": str(tmp_path / "home")}
    with subprocess.Popen(
        [sys.executable, "-m", "app", *shlex.split(command)], cwd=ROOT, env=environment
    ) as process:
        log = tmp_path / "home" / "settings.json"
        end = time.monotonic() + 60
        while not (log.exists() and str(parrot) in log.read_text()):  # the model has been loaded
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


@pytest.mark.parametrize("command", STARTS)
def test_starting_it(command: str, tmp_path: Path) -> None:
    """Without a display: the chat in the terminal, on the starter."""
    done = shell(command, tmp_path, stdin="Is my data private?\n")
    assert done.returncode == 0, done.stderr
    assert "computer" in done.stdout
    assert "Starter: explains Hearth" in done.stderr


@pytest.mark.parametrize("command", sorted(set(QUICK.values())))
def test_the_other_targets(command: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shape = gguf_models.Shape(256, 512, 4, 4, 2, 4096, "qwen2")
    model = gguf_models.write_shaped_model(tmp_path / "small.gguf", shape, vocabulary=8192)
    done = shell(
        with_file(command, model),
        tmp_path,
        OUT=str(out),
        HEARTH_BENCH_QUICK="1",
        HEARTH_SOAK_ROUNDS="1",
        QT_QPA_PLATFORM="offscreen",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    if "bench" in command:
        assert "ready composer" in done.stdout
    if "screenshots" in command:
        assert {file.name for file in out.iterdir()} == {"light.png", "dark.png"}


@pytest.mark.parametrize("command", LONG)
def test_the_long_targets_are_there(command: str, tmp_path: Path) -> None:
    dry = shell(command.replace("make", "make -n", 1), tmp_path)
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.strip()
    program = subprocess.run(
        [sys.executable, *LONG[command].split()], cwd=ROOT, capture_output=True, text=True
    )
    assert program.returncode == 0, program.stderr


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs Debian's package manager")
def test_the_debian_packages_exist(tmp_path: Path) -> None:
    simulated = DEBIAN.replace("sudo apt-get", "apt-get --simulate -qq")
    done = shell(simulated, tmp_path)
    if "Unable to locate" in done.stderr and os.geteuid() == 0:  # there are no lists yet
        shell("apt-get update -qq", tmp_path)
        done = shell(simulated, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_extra_is_known(tmp_path: Path) -> None:
    tried = EXTRA.replace(".venv/bin/pip", f"{shlex.quote(sys.executable)} -m pip").replace(
        "install", "install --dry-run --no-deps"
    )
    done = shell(tried, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Would install hearth" in done.stdout
    assert "does not provide the extra" not in done.stderr


def test_the_plain_installation(tmp_path: Path) -> None:
    """Into an environment of its own, from a copy of what git knows."""
    copy = tmp_path / "copy"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for file in files:
        if (ROOT / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy / file)
    for command in PLAIN[:2]:
        done = shell(command, tmp_path, cwd=copy, PYTHONPATH="")
        assert done.returncode == 0, done.stdout + done.stderr
    done = shell(PLAIN[2], tmp_path, stdin="What is Hearth?\n", cwd=copy, PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    assert "language model" in done.stdout
    doctor = shell(".venv/bin/hearth doctor", tmp_path, cwd=tmp_path / "copy", PYTHONPATH="")
    assert f"{copy}/.venv" in doctor.stdout, "it runs from its own resources"

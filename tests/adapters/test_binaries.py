"""Installed programs are found and asked for their version: real programs, written by the test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from app.llm.discovery import binaries
from app.schema import InstalledServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are scripts with #!")


def program(folder: Path, name: str, body: str) -> Path:
    """An executable Python script."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!{sys.executable} -I\nimport os, sys, time\n{body}\n")
    file.chmod(0o755)
    return file


def says(text: str, stream: str = "stdout", question: str = "--version", code: int = 0) -> str:
    """Prints a text when it is asked the right question, and else leaves a trace of that."""
    return (
        f"assert sys.argv[1:] == {question.split()!r}, sys.argv\n"
        f"print({text!r}, file=sys.{stream})\n"
        f"sys.exit({code})"
    )


ANSWERS = {
    "ollama": ("ollama", says("ollama version is 0.33.0"), "0.33.0"),
    "ollama without a server": (
        "ollama",
        says(
            "Warning: could not connect to a running Ollama instance\n"
            "Warning: client version is 0.5.7"
        ),
        "0.5.7",
    ),
    "ollama beside another server": (
        "ollama",
        says("ollama version is 0.33.0\nWarning: client version is 0.32.1"),
        "0.32.1",
    ),
    "llama-server": (
        "llama-server",
        says("ggml_cuda_init: found 1 device\nversion: 6123 (a1b2c3)\nbuilt with cc", "stderr"),
        "6123",
    ),
    "llama": ("llama", says("b6123-a1b2c3", question="version"), "b6123-a1b2c3"),
    "local-ai": ("local-ai", says("v4.9.0 (abcdef)"), "4.9.0"),
    "mistralrs": ("mistralrs", says("mistralrs 0.9.2"), "0.9.2"),
    "koboldcpp": ("koboldcpp", says("1.115.1"), "1.115.1"),
    "koboldcpp-linux-x64": ("koboldcpp-linux-x64", says("1.115.1"), "1.115.1"),
    "lms": ("lms", says('{"version":"0.0.47"}', question="version --json"), "0.0.47"),
    "an error, and yet a version": ("local-ai", says("v4.9.0", code=3), "4.9.0"),
    "an answer without a version": ("local-ai", says("usage: local-ai", code=2), ""),
    "an answer that is no text": ("local-ai", 'os.write(1, b"\\xff\\xfe 4.9.0")', "4.9.0"),
    "a long answer": ("local-ai", 'print("v4.9.0", "x" * 1_000_000)', "4.9.0"),
}
KINDS = {
    "ollama": "ollama",
    "llama-server": "llama-server",
    "llama": "llama-server",
    "local-ai": "localai",
    "mistralrs": "mistral-rs",
    "koboldcpp": "koboldcpp",
    "koboldcpp-linux-x64": "koboldcpp",
    "lms": "lm-studio",
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_versions(case: str, tmp_path: Path) -> None:
    name, body, version = ANSWERS[case]
    file = program(tmp_path, name, body)
    (found,) = await binaries.find([tmp_path])
    assert (found.kind, found.path, found.version) == (KINDS[name], str(file), version)


async def test_another_program_called_llama_is_not_llama_cpp(tmp_path: Path) -> None:
    program(tmp_path, "llama", "print('usage: llama [-h] {model,stack}', file=sys.stderr)")
    assert await binaries.find([tmp_path]) == []


async def test_llama_server_comes_before_the_unified_program(tmp_path: Path) -> None:
    program(tmp_path, "llama", says("b6123-a1b2c3", question="version"))
    program(tmp_path, "llama-server", says("version: 7"))
    assert [found.version for found in await binaries.find([tmp_path])] == ["7"]


async def test_what_may_open_a_window_is_listed_and_not_started(tmp_path: Path) -> None:
    trace = tmp_path / "started"
    leaves_trace = f"open({str(trace)!r}, 'w').close()"
    program(tmp_path, "jan", leaves_trace)
    bundle = program(tmp_path, "koboldcpp", leaves_trace)
    with bundle.open("ab") as stream:  # as large as the one that unpacks itself
        stream.truncate(20_000_000)
    found = await binaries.find([tmp_path])
    assert [(each.kind, each.version) for each in found] == [("koboldcpp", ""), ("jan", "")]
    assert not trace.exists()


async def test_vllms_version_is_read_from_its_folder(tmp_path: Path) -> None:
    trace = tmp_path / "started"
    script = program(tmp_path / "venv/bin", "vllm", f"open({str(trace)!r}, 'w').close()")
    (tmp_path / "venv/lib/python3.12/site-packages/vllm-0.33.0.dist-info").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/vllm").symlink_to(script)
    expected = InstalledServer("vllm", "vLLM", str(tmp_path / "bin/vllm"), "0.33.0")
    assert await binaries.find([tmp_path / "bin"]) == [expected]
    lone = program(tmp_path / "other/bin", "vllm", "")
    assert await binaries.find([lone.parent]) == [InstalledServer("vllm", "vLLM", str(lone), "")]
    assert not trace.exists()


async def test_a_program_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "VERSION_SECONDS", 1.0)
    pids = tmp_path / "pids"
    program(
        tmp_path,
        "local-ai",
        f"""
print("v4.9.0", flush=True)
child = os.fork()
with open({str(pids)!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
time.sleep(600)
""",
    )
    program(tmp_path, "mistralrs", says("mistralrs 0.9.2"))
    found = await binaries.find([tmp_path])
    assert [(each.kind, each.version) for each in found] == [
        ("localai", "4.9.0"),
        ("mistral-rs", "0.9.2"),
    ]
    for pid in map(int, pids.read_text().split()):
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_programs_that_cannot_run_are_no_error(tmp_path: Path) -> None:
    broken = program(tmp_path, "local-ai", "")
    broken.write_text("#!/nowhere/python\n")
    plain = program(tmp_path, "mistralrs", says("mistralrs 0.9.2"))
    plain.chmod(0o644)
    (tmp_path / "ollama").mkdir()
    found = await binaries.find([tmp_path, tmp_path / "missing"])
    assert [(each.kind, each.version) for each in found] == [("localai", "")]


async def test_the_programs_see_plain_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No translated answers, and no question to the server on another computer."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("OLLAMA_HOST", "192.168.1.5")
    seen = "version is {LC_ALL}_{OLLAMA_HOST}"
    program(tmp_path, "ollama", f"print({seen!r}.format(**os.environ))")
    (found,) = await binaries.find([tmp_path])
    assert found.version == "C_127.0.0.1:11434"


async def test_path_comes_first_and_relative_folders_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "first", "local-ai", says("v1.0"))
    program(tmp_path / "second", "local-ai", says("v2.0"))
    program(tmp_path, "mistralrs", says("mistralrs 0.9.2"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(binaries, "PLACES", {sys.platform: ("~/.local/bin",)})
    program(tmp_path / "home/.local/bin", "koboldcpp", says("1.2"))
    program(tmp_path / "home/.lmstudio/bin", "lms", says("3.4", question="version --json"))
    folders = [str(tmp_path / "first"), "", ".", str(tmp_path / "second")]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))
    found = await binaries.find()
    assert {each.kind: each.version for each in found} == {
        "localai": "1.0",
        "koboldcpp": "1.2",
        "lm-studio": "3.4",
    }


def test_each_system_has_its_places() -> None:
    assert {"linux", "darwin", "win32"} <= set(binaries.PLACES)
    assert all(binaries.PLACES.values())

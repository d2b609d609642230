"""Finds the model servers' programs that are installed here, and their versions.

Only programs that answer such a question on the console are started; one that might open a window
or unpack itself first is listed without a version.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app import processes
from app.llm.discovery import addresses, probes, process_group
from app.schema import InstalledServer

VERSION_SECONDS = 3.0  # for a program's answer
END_SECONDS = 1.0  # for one that was killed
LARGEST_ANSWER = 64_000  # bytes; the rest is not looked at
NUMBER = r"\bv?(\d+\.\d[\w.+-]*)"


@dataclass(frozen=True, slots=True)
class Program:
    """One way in which a server can be installed."""

    kind: str
    files: tuple[str, ...]  # names that the program may have, without .exe
    question: tuple[str, ...] = ("--version",)  # () for one that must not be started
    # The version in its answer, as regular expressions with one group; the first that fits counts.
    version: tuple[str, ...] = (NUMBER,)
    is_common_name: bool = False  # others have that name too: its version must be recognised
    environment: Mapping[str, str] | None = None
    largest: int | None = None  # bytes; a larger file is not started


PROGRAMS = (
    # It asks the server for its version too, which must not be another computer's.
    Program(
        "ollama",
        ("ollama",),
        version=(r"client version is (\S+)", r"version is (\S+)"),
        environment={"OLLAMA_HOST": "127.0.0.1:11434"},
    ),
    Program("llama-server", ("llama-server",), version=(r"version: (\S+)",)),
    Program(
        "llama-server",
        ("llama",),
        ("version",),
        version=(r"\A\s*(?:version: )?(b?\d+[\w.-]*)",),
        is_common_name=True,
    ),
    Program("localai", ("local-ai",)),
    Program("mistral-rs", ("mistralrs",)),
    # The single file unpacks itself for seconds, and leaves that behind when it is cut short.
    Program(
        "koboldcpp",
        ("koboldcpp", "koboldcpp-linux-x64", "koboldcpp-mac-arm64"),
        largest=10_000_000,
    ),
    Program("lm-studio", ("lms",), ("version", "--json")),
    Program("vllm", ("vllm",), ()),  # importing it takes many seconds: see _package_version
    Program("jan", ("jan",), ()),  # the window has the same name as the command line
)
PLACES: Mapping[str, tuple[str, ...]] = {  # beside PATH, which a window started from a menu lacks
    "linux": (
        "/usr/local/bin",
        "/usr/bin",
        "/snap/bin",
        "/home/linuxbrew/.linuxbrew/bin",
        "/run/current-system/sw/bin",
        "~/.nix-profile/bin",
        "~/.local/bin",
        "~/.cargo/bin",
        "~/.localai/bin",
    ),
    "darwin": (
        "/opt/homebrew/bin",
        "/usr/local/bin",
        "/opt/local/bin",
        "/Applications/Ollama.app/Contents/Resources",
        "~/.nix-profile/bin",
        "~/.local/bin",
        "~/.cargo/bin",
        "~/.localai/bin",
    ),
    "win32": (
        r"~\AppData\Local\Programs\Ollama",
        r"~\AppData\Local\Microsoft\WinGet\Links",
        r"~\.local\bin",
        r"~\.cargo\bin",
    ),
}


async def find(folders: Iterable[Path] | None = None) -> list[InstalledServer]:
    """The programs in these folders, else on PATH and in the usual places; one of each kind."""
    wanted = list(folders) if folders is not None else None
    found = await asyncio.to_thread(_files, wanted)
    versions = await asyncio.gather(*(_version(program, file) for program, file in found))
    servers: dict[str, InstalledServer] = {}
    for (program, file), version in zip(found, versions, strict=True):
        if version is not None:
            name = probes.NAMES[program.kind]
            server = InstalledServer(program.kind, name, str(file), version)
            servers.setdefault(program.kind, server)
    return list(servers.values())


def usual_folders() -> list[Path]:
    """PATH, then the places where installers put programs on this system."""
    on_path = [Path(folder) for folder in os.get_exec_path()]
    places = [Path(place).expanduser() for place in PLACES.get(sys.platform, ())]
    lm_studio = addresses.lm_studio_home(Path.home()) / "bin"
    # A relative folder of PATH is whatever Hearth happens to be started in.
    folders = [folder for folder in [*on_path, *places, lm_studio] if folder.is_absolute()]
    return list(dict.fromkeys(folders))


def _files(folders: Sequence[Path] | None) -> list[tuple[Program, Path]]:
    """The first file of each program."""
    searched = usual_folders() if folders is None else folders
    ending = ".exe" if sys.platform == "win32" else ""
    found = []
    for program in PROGRAMS:
        candidates = (folder / (name + ending) for folder in searched for name in program.files)
        file = next(filter(_is_program, candidates), None)
        if file is not None:
            found.append((program, file))
    return found


def _is_program(file: Path) -> bool:
    try:
        return file.is_file() and os.access(file, os.X_OK)
    except OSError:
        return False


async def _version(program: Program, file: Path) -> str | None:
    """The program's version, "" where it is not known; None for another program of that name."""
    if program.kind == "vllm":
        return await asyncio.to_thread(_package_version, file, "vllm")
    if not program.question or _is_larger(file, program.largest):
        return ""
    answer = await _answer([str(file), *program.question], program.environment or {})
    for pattern in program.version:
        if match := re.search(pattern, answer):
            return match.group(1)
    return None if program.is_common_name else ""


def _is_larger(file: Path, size: int | None) -> bool:
    return size is not None and file.stat().st_size > size


def _package_version(script: Path, package: str) -> str:
    """The version of the Python package that a console script belongs to, read from its folder."""
    root = script.resolve().parent.parent
    for pattern in ("lib/python3*/site-packages", "Lib/site-packages"):
        for folder in root.glob(f"{pattern}/{package}-*.dist-info"):
            return folder.name.removesuffix(".dist-info").partition("-")[2]
    return ""


async def _answer(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a program prints, on either stream; "" where it cannot be started."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**processes.foreign_environment(), **environment, "LC_ALL": "C"},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError:
        return ""
    said = bytearray()

    async def listen() -> None:
        assert child.stdout is not None  # noqa: S101 - it is a pipe
        while part := await child.stdout.read(1 << 14):
            said.extend(part[: LARGEST_ANSWER - len(said)])
        await child.wait()

    listening = asyncio.create_task(listen(), name="version")
    try:
        await asyncio.wait([listening], timeout=VERSION_SECONDS)
    finally:
        if not listening.done():
            process_group.kill(child.pid)
            await asyncio.wait([listening], timeout=END_SECONDS)
        listening.cancel()
    return said.decode("utf-8", "replace")

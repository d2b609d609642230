"""`hearth doctor`: looks at all that Hearth needs; each finding is ok or says what mends it."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__, credentials, paths, wording
from app import core as cores
from app.cli import session
from app.cli.parser import EXIT_DONE, EXIT_FAILED
from app.errors import HearthError
from app.library import catalog, starter
from app.library.hub import environment
from app.schema import Message, Request, Role

if TYPE_CHECKING:
    import argparse

LOW_SPACE = 2_000_000_000  # bytes
PACKAGES = ("PySide6-Essentials", "qasync", "llama-cpp-python", "huggingface_hub", "httpx")
# What Qt's xcb platform loads at run time, and the Debian packages that hold it.
XCB_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. One that is not `needed` may be amiss and Hearth still works."""

    name: str
    ok: bool
    value: str
    remedy: str = ""
    needed: bool = True


def run(options: argparse.Namespace) -> int:
    """Prints the report; the exit code is 1 where something that is needed is amiss."""
    findings = list(examine(paths.find(options.home)))
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok " if finding.ok else "!! " if finding.needed else "-- "
            print(f"{mark} {finding.name:{width}}  {finding.value}")
            if not finding.ok and finding.remedy:
                print(f"    {'':{width}}  {finding.remedy}")
    failed = any(not finding.ok and finding.needed for finding in findings)
    return EXIT_FAILED if failed else EXIT_DONE


def examine(folders: paths.Paths) -> Iterator[Finding]:
    """All findings, in the order of the report."""
    yield Finding("Hearth", ok=True, value=__version__)
    yield _python()
    for package in PACKAGES:
        yield _package(package)
    yield _llama()
    for name, folder in (
        ("data folder", folders.data),
        ("settings folder", folders.config),
        ("cache folder", folders.cache),
    ):
        yield _writable(name, folder)
    yield _space(folders.data)
    yield _resources()
    yield _starter(folders)
    core = cores.build(folders)
    yield from _library(core)
    yield _hub(core)
    yield _keyring()
    yield from _display()


def _python() -> Finding:
    version = platform.python_version()
    return Finding(
        "Python",
        ok=(3, 11) <= sys.version_info[:2] <= (3, 13),
        value=f"{version}, {platform.system()} {platform.machine()}",
        remedy="Use Python 3.11, 3.12 or 3.13.",
    )


def _package(name: str) -> Finding:
    try:
        return Finding(name, ok=True, value=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, ok=False, value="missing", remedy=f"pip install {name}")


def _llama() -> Finding:
    """Imports llama.cpp, which fails where it was built for another processor or system."""
    try:
        import llama_cpp

        flags: str = llama_cpp.llama_print_system_info().decode()
    except (ImportError, OSError, RuntimeError) as error:
        return Finding(
            "llama.cpp",
            ok=False,
            value=f"cannot be loaded: {error}",
            remedy="Build it again: pip install --force-reinstall --no-cache-dir llama-cpp-python",
        )
    return Finding(
        "llama.cpp", ok=True, value=" ".join(flags.replace("|", "·").split()).strip("· ")
    )


def _writable(name: str, folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"hearth")
    except OSError as error:
        return Finding(
            name,
            ok=False,
            value=f"{folder}: {error.strerror or error}",
            remedy="Change its permissions, or choose another: hearth --home FOLDER.",
        )
    return Finding(name, ok=True, value=str(folder))


def _space(folder: Path) -> Finding:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    return Finding(
        "free space",
        ok=free >= LOW_SPACE,
        value=wording.size(free),
        remedy="Models take gigabytes: free some space, or keep the data on another drive.",
        needed=False,
    )


def _resources() -> Finding:
    folder = paths.resources()
    return Finding(
        "resources",
        ok=(folder / "themes").is_dir(),
        value=str(folder),
        remedy="The installation is incomplete: install Hearth again.",
    )


def _starter(folders: paths.Paths) -> Finding:
    """Whether the starter goes the whole way of a model: that proves that others can."""
    if starter.find(paths.resources()) is None:
        remedy = "The installation is incomplete: install Hearth again."
        return Finding("starter", ok=False, value="missing", remedy=remedy, needed=False)
    try:
        value = asyncio.run(_use_starter(folders))
    except HearthError as error:
        return Finding("starter", ok=False, value=error.message, remedy=error.remedy)
    return Finding("starter", ok=True, value=value)


async def _use_starter(folders: paths.Paths) -> str:
    """Loads it, counts, answers, stops an answer, and turns a text into a vector."""
    async with session.opened(folders) as core:
        assert core.starter is not None  # noqa: S101 - the caller has looked
        began = time.monotonic()
        await core.manager.load(core.starter)
        loaded = time.monotonic() - began
        question = Request((Message(Role.USER, "What is Hearth?"),))
        prompt = (await core.manager.count_tokens(question)).tokens
        rate = 0.0
        async with aclosing(core.manager.stream(question)) as chunks:
            async for chunk in chunks:
                if chunk.finish:
                    rate = chunk.finish.usage.tokens_per_second or 0.0
        async with aclosing(core.manager.stream(question)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    break
        vectors = await core.manager.embed(["hearth"])
    return (
        f"loaded in {wording.seconds(loaded)}, counted {prompt} tokens, answered at "
        f"{wording.rate(rate)}, stopped, embedded in {len(vectors[0])} numbers"
    )


def _library(core: cores.Core) -> Iterator[Finding]:
    """How many models there are, and the places with models that could not be looked into."""
    found = core.library.scan()
    programs = Counter(model.program for model in found.models if model.program)
    usable = sum(map(catalog.can_be_loaded, found.models))
    counts = [f"{len(found.models)} in all", f"{usable} can be loaded"]
    counts += [f"{count} of {program}" for program, count in programs.most_common()]
    yield Finding("models", ok=True, value=", ".join(counts))
    for problem in found.problems:
        yield Finding(
            f"models of {problem.program}" if problem.program else "models",
            ok=False,
            value=problem.reason,
            remedy="What lies there is not in the list until it can be read.",
            needed=False,
        )


def _hub(core: cores.Core) -> Finding:
    """Where models would be fetched, and whether Hearth may; it is not asked here."""
    try:
        address = core.access.endpoint
    except HearthError as error:
        return Finding("Hugging Face", False, error.message, error.remedy, needed=False)
    settings = core.settings.settings
    when = "asked when you search and fetch"
    if settings.hub.look_for_changes:
        when += ", and once a week for changes"
    if environment.is_offline(os.environ):
        when = f"never asked, because {environment.OFFLINE} is set"
    elif settings.providers.stay_offline:
        when = "never asked, because Hearth is set to stay offline"
    return Finding("Hugging Face", ok=True, value=f"{address}, {when}", needed=False)


def _keyring() -> Finding:
    found = credentials.status()
    return Finding("keyring", found.works, found.name, found.remedy, needed=False)


def _display() -> Iterator[Finding]:
    """Whether a window can be shown, and on Linux whether Qt's libraries are there."""
    if sys.platform != "linux":
        yield Finding("display", ok=True, value=platform.system())
        return
    names = ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY")
    found = [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
    yield Finding(
        "display",
        ok=bool(found),
        value=", ".join(found) or "none",
        remedy="Without a display Hearth talks in the terminal: hearth chat.",
        needed=False,
    )
    missing = [package for name, package in XCB_LIBRARIES.items() if not _loads(ctypes.CDLL, name)]
    yield Finding(
        "Qt's libraries",
        ok=not missing,
        value="complete" if not missing else f"missing: {', '.join(missing)}",
        remedy=f"sudo apt-get install {' '.join(missing)}",
        needed=bool(found),
    )


def _loads(load: Callable[[str], object], name: str) -> bool:
    try:
        load(name)
    except OSError:
        return False
    return True

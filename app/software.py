"""What Hearth is made of: versions, and the licences of the packages it is built on.

All of it reads many small files or loads libraries, and is for another thread than the window's.
"""

from __future__ import annotations

import ctypes
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from app import __version__

NAME = "hearth"
EXTRAS = ("transformers",)  # of Hearth, whose packages are used where they are installed
LONGEST_LICENCE = 60  # characters; what is longer is the licence itself and not its name
NOT_STATED = "licence not stated"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, and under which terms it may be used."""

    name: str
    version: str
    licence: str


def versions() -> list[tuple[str, str]]:
    """The programs that matter in a report, by name."""
    return [
        ("Hearth", __version__),
        ("Python", platform.python_version()),
        ("Qt for Python", _version("PySide6-Essentials")),
        ("llama-cpp-python", _version("llama-cpp-python")),
        ("llama.cpp", _llama()),
        ("System", f"{platform.system()} {platform.release()}, {platform.machine()}"),
    ]


def packages(root: str = NAME) -> list[Package]:
    """What `root` is built on, directly or not, as far as it is installed, by name."""
    found: dict[str, Package] = {}
    waiting = [(root, frozenset(EXTRAS))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            package = metadata.distribution(wanted[0])
        except metadata.PackageNotFoundError:  # for another system, or an extra that is not here
            continue
        name = package.metadata["Name"] or wanted[0]
        found[_plain(name)] = Package(name, package.version, licence(package.metadata))
        waiting += _required(package, wanted[1])
    found.pop(_plain(root), None)
    return sorted(found.values(), key=lambda one: one.name.casefold())


def licence(about: metadata.PackageMetadata) -> str:
    """A licence's name as the package states it: an SPDX expression, a field, or a classifier."""
    for field in ("License-Expression", "License"):
        stated = " ".join(about.get_all(field) or ()).strip()
        if stated and len(stated) <= LONGEST_LICENCE and "\n" not in stated:
            return stated
    classes = [
        one.rpartition("::")[2].strip()
        for one in about.get_all("Classifier") or []
        if one.startswith("License ::")
    ]
    return ", ".join(one for one in classes if one != "OSI Approved") or NOT_STATED


def _required(
    package: metadata.Distribution, extras: frozenset[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """The names of the requirements that hold with these extras, and the extras they ask for."""
    for line in package.requires or ():
        text, _, condition = line.partition(";")
        needed = _EXTRA.search(condition)
        match = _REQUIREMENT.match(text.strip())
        if match and (needed is None or needed[1] in extras):
            asked = (part.strip() for part in (match[2] or "").split(","))
            yield _plain(match[1]), frozenset(filter(None, asked))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not known"


def _llama() -> str:
    """llama.cpp's version and the abilities of this processor that it uses."""
    try:
        import llama_cpp

        flags: str = llama_cpp.llama_print_system_info().decode()
        tell = llama_cpp.llama_cpp._lib.llama_version  # noqa: SLF001 - the bindings leave it out
        tell.restype = ctypes.c_char_p
        version = tell().decode()
    except (ImportError, OSError, RuntimeError) as error:
        return f"cannot be loaded: {error}"
    except AttributeError:  # of another version, which does not tell
        version = ""
    used = [name.strip() for name, _, on in (one.partition("=") for one in flags.split("|")) if on]
    said = f"{version} ({' '.join(used)})".replace(" : ", ": ") if used else version
    return said.strip()

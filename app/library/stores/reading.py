"""Reads the small files in which programs write down what they have; damaged ones read as empty."""

from __future__ import annotations

import itertools
import json
import textwrap
from pathlib import Path
from typing import Any

LARGEST = 4 << 20  # bytes; what is larger is no such file


def text(path: Path, largest: int = LARGEST) -> str:
    """A file's text, or "" where it cannot be read or is larger than that."""
    try:
        if not path.is_file() or path.stat().st_size > largest:
            return ""
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return ""


def may_be_read(path: Path) -> bool:
    """Whether a file can be opened by whom this program runs for."""
    try:
        path.open("rb").close()
    except OSError:
        return False
    return True


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file, or {}."""
    try:
        value = json.loads(text(path))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def part(value: object, *keys: str) -> Any:
    """What stands at a place of nested objects, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def string(value: object, *keys: str) -> str:
    """The text at a place of nested objects, or ""."""
    found = part(value, *keys)
    return found if isinstance(found, str) else ""


def pairs(content: str) -> dict[str, str]:
    """The `name: value` lines at the left edge of a YAML file, without quotes and comments."""
    found: dict[str, str] = {}
    for line in content.splitlines():
        name, colon, value = line.partition(":")
        if not colon or not name or name[0] in " \t#-":
            continue
        value = value.strip()
        if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1:
            value = value[1:-1].replace("''", "'") if value[0] == "'" else _plain(value)
        else:
            value = value.partition(" #")[0].strip()
        found[name.strip()] = value
    return found


def block(content: str, name: str) -> dict[str, str]:
    """The `name: value` lines that stand one step to the right below a name of a YAML file."""
    lines = iter(content.splitlines())
    for line in lines:
        if line.partition(" #")[0].rstrip() == f"{name}:":
            break
    inside = itertools.takewhile(lambda line: not line or line[0] in " \t#", lines)
    return pairs(textwrap.dedent("\n".join(line for line in inside if line[:1] != "#")))


def _plain(quoted: str) -> str:
    """A text in double quotes; YAML escapes as JSON does, for what is met here."""
    try:
        return str(json.loads(quoted))
    except ValueError:  # such as a Windows path whose writer escaped nothing
        return quoted[1:-1]

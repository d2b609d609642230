"""Numbers, sizes and lists as operating systems write them; what is garbage is unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LARGEST_FILE = 4 << 20  # bytes; /proc/cpuinfo of 512 processors has about 1 MB
LONGEST_NUMBER = 18  # digits, as 2**63 has 19
MOST_CPUS = 8192  # of a kernel for x86; a longer list is garbage
_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def text(file: Path) -> str:
    """What a file holds, without the space around it; "" where it cannot be read."""
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_FILE)
    except (OSError, ValueError):  # a name with a zero byte is a ValueError
        return ""
    return content.decode("utf-8", "replace").strip().strip("\0")


def children(folder: Path, pattern: str) -> list[Path]:
    """The entries of a folder whose names match, those with lower numbers first."""
    try:
        found = list(folder.glob(pattern))
    except (OSError, ValueError):
        return []
    return sorted(found, key=lambda one: (last_number(one.name), one.name))


def last_number(name: str) -> int:
    """The number at the end of a name such as cpu12, or -1."""
    digits = re.search(r"([0-9]{1,9})$", name)
    return int(digits[1]) if digits else -1


def number(written: object) -> int | None:
    """A whole number of at least 0, given as such or as text."""
    if isinstance(written, bool):
        return None
    if isinstance(written, int):
        return written if 0 <= written < 10**LONGEST_NUMBER else None
    plain = written.strip() if isinstance(written, str) else ""
    if not (plain.isascii() and plain.isdecimal() and len(plain) <= LONGEST_NUMBER):
        return None
    return int(plain)


def positive(written: object) -> int | None:
    """As `number`, and 0 is unknown too."""
    return number(written) or None


def hexadecimal(written: str) -> str:
    """Four digits of a PCI identity such as 0x10de, in lower case; "" for anything else."""
    match = re.fullmatch(r"(?:0x)?([0-9a-f]{1,8})", written.strip().lower())
    return match[1][-4:].zfill(4) if match else ""


def size(written: object) -> int | None:
    """Bytes, of 48K, 8 GB, 2048.00M or 16384; units are powers of 1,024."""
    match = _SIZE.fullmatch(written.strip()) if isinstance(written, str) else None
    if not match or len(match[1]) > LONGEST_NUMBER:
        return None
    return int(float(match[1]) * _UNITS[match[2].upper()])


def cpu_list(written: str) -> frozenset[int] | None:
    """The numbers in a list such as 0-3,8,10-11; None where it is none."""
    found: set[int] = set()
    for part in written.split(",") if written.strip() else ():
        first, dash, last = part.strip().partition("-")
        low, high = number(first), number(last if dash else first)
        if low is None or high is None or not low <= high < MOST_CPUS:
            return None
        found.update(range(low, high + 1))
    return frozenset(found) or None


def pairs(written: str, separator: str = ":") -> dict[str, str]:
    """Lines of the form “name: value”; of a name that comes twice, the first."""
    found: dict[str, str] = {}
    for line in written.splitlines():
        name, mark, value = line.partition(separator)
        if mark and name.strip():
            found.setdefault(name.strip(), value.strip())
    return found


def json_object(written: str | None) -> dict[str, Any]:
    """The JSON object in a tool's output, behind warnings that may precede it; {} for none."""
    begin = (written or "").find("{")
    if written is None or begin < 0:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(written[begin:])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a JSON list; an object that stands alone counts as a list of one."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def words(value: object) -> str:
    """A text on one line; "" for anything that is no text."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def least(values: Iterable[int | None]) -> int | None:
    """The smallest of the known values."""
    return min((value for value in values if value is not None), default=None)

"""How much room a disk has, and what to say when that is too little."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from app import wording

RESERVE = 64 << 20  # bytes that are left free
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def free(folder: Path) -> int:
    """Bytes that may be written there; raises OSError."""
    return shutil.disk_usage(folder).free


def missing(folder: Path, wanted: int) -> int:
    """Bytes that lack for `wanted` more; 0 where they fit. Raises OSError."""
    return max(0, wanted + RESERVE - free(folder)) if wanted else 0


def sentence(folder: Path, lacking: int) -> str:
    """What lacks, for a person."""
    return f"The download needs {wording.size(lacking)} more on the disk of {folder}."


def is_full(error: OSError) -> bool:
    """Whether the disk had no room for what was written."""
    return error.errno in FULL

"""How this program starts itself again, for work that must not endanger it, and starts others."""

from __future__ import annotations

import os
import sys

PREFLIGHT = "preflight"  # the hidden command that tries a model file
PROBE = "probe"  # the hidden command that measures what the processor reaches
LAUNCH = "launch"  # the hidden command that becomes another program, which ends with Hearth


def own_command() -> list[str]:
    """The command that starts this program again, from a checkout as well as from a bundle."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "app"]


def foreign_environment() -> dict[str, str]:
    """The environment for a program that is not Hearth: without what a bundle sets for itself."""
    clean = dict(os.environ)
    if not getattr(sys, "frozen", False):
        return clean
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):  # PyInstaller keeps the old value so
        clean.pop(name, None)
        if original := clean.pop(f"{name}_ORIG", None):
            clean[name] = original
    return {name: value for name, value in clean.items() if not name.startswith("_PYI_")}

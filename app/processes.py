"""How this program starts itself again, for work that must not endanger it."""

from __future__ import annotations

import sys

PREFLIGHT = "preflight"  # the hidden command that tries a model file


def own_command() -> list[str]:
    """The command that starts this program again, from a checkout as well as from a bundle."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "app"]

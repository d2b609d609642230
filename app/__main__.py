"""`python -m app` and `hearth`: chooses between the window and the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from app import processes
from app.cli import parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the arguments ask for; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [processes.LAUNCH]:
        from app.llm.discovery import launcher

        return launcher.run(given[1:])
    if given[:1] == [processes.PROBE]:
        from app.llm.runner import probing

        return probing.run_child(given[1])
    options = parser.parse(given)
    if options.command == processes.PREFLIGHT:
        from app.llm.runner import preflight

        return preflight.run_child(options.plan)
    if options.command != "window":
        from app.cli import commands

        return commands.run(options)
    if not _has_display():
        from app.cli import commands

        return commands.chat_without_display(options)
    import gc

    gc.disable()  # the window collects on its own thread, at quiet moments
    from app import main as window

    return window.run(options)


def _has_display() -> bool:
    """Whether a window can be shown; a platform plugin that was named is taken at its word."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())

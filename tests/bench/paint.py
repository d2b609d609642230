"""Starts the real program and prints the time.monotonic() of its first paint. Imports nothing else.

python tests/bench/paint.py [hearth's own arguments]
"""

import gc
import os
import sys
import time

gc.disable()  # as app/__main__.py does before it imports the window
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(__file__))))  # noqa: PTH120
from app import main  # noqa: E402
from app.__main__ import main as hearth  # noqa: E402
from app.ui.main_window import MainWindow  # noqa: E402

wait = main._wait_for_first_paint


def wait_and_tell(window: MainWindow) -> None:
    """Closes the window as soon as it has told."""
    wait(window)
    sys.stdout.write(f"{time.monotonic()}\n")
    sys.stdout.flush()
    window.close()


main._wait_for_first_paint = wait_and_tell
sys.exit(hearth(sys.argv[1:]))

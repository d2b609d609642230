"""The core as the command line builds it, at work."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app import core as cores
from app.paths import find


@asynccontextmanager
async def core(home: Path) -> AsyncIterator[cores.Core]:
    """A core on this folder, with its worker on a thread; everything is given back."""
    built = cores.build(find(str(home)))
    built.paths.create()
    thread = threading.Thread(target=built.worker.run, name="runner")
    thread.start()
    try:
        yield built
    finally:
        await built.manager.aclose()
        built.worker.stop()
        thread.join()

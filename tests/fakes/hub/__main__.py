"""Serves one repository until its standard input is closed: python -m tests.fakes.hub SIZE [RATE].

SIZE is that of its file in bytes, RATE the most bytes per second that a connection gets. Prints
in a line of JSON where it is and what it has.
"""

from __future__ import annotations

import json
import sys

from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub
from tests.fakes.hub.wire import CDN

REPO, FILE, SMALL = "someone/Big-GGUF", "Big-Q8_0.gguf", "Small-Q8_0.gguf"


def main(size: int, rate: int = 0) -> None:
    """Serves."""
    with FakeHub() as hub:
        repo = hub.add(REPO, {FILE: Content(size, seed=1), SMALL: Content(100_000, seed=2)})
        if rate:
            hub.misbehave(Fault(rate=rate), side=CDN, times=None)
        files = [
            {"path": path, "size": content.size, "sha256": content.sha256}
            for path, content in repo.files().items()
        ]
        about = {"endpoint": hub.url, "repo": REPO, "revision": repo.head, "files": files}
        print(json.dumps(about), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

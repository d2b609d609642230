"""A client of the Hub as the program builds it, and repositories to ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app import net
from app.library.hub.access import Access
from app.library.hub.client import Hub
from app.settings import Hub as HubSettings
from tests.fakes.hub.content import Content
from tests.fakes.hub.server import FakeHub

TOKEN = "hf_0123456789"
TINY = "someone/Tiny-GGUF"


def access(
    endpoint: str = "",
    token: str = "",
    environ: dict[str, str] | None = None,
    lock: net.OfflineLock | None = None,
    **settings: Any,
) -> Access:
    """The way to a Hub; the environment is empty if not given."""
    chosen = HubSettings(endpoint=endpoint, **settings)

    async def read_token() -> str:
        return token

    return Access(lambda: chosen, read_token, lock or net.OfflineLock(), environ or {})


def client(endpoint: str = "", token: str = "", **about: Any) -> Hub:
    """A client of that Hub."""
    return Hub(access(endpoint, token, **about))


def add_tiny(fake: FakeHub, file: Path, **about: Any) -> None:
    """A repository with one real model and what lies beside one."""
    files = {
        "README.md": Content.of(b"# Tiny"),
        "Tiny-Q8_0.gguf": Content.of(file.read_bytes()),
        "mmproj-Tiny-f16.gguf": Content(20_000),
    }
    fake.add(TINY, files, **about)

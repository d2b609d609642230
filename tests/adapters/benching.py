"""What the tests of `hearth bench` share: the command, small tests, and servers in the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import commands, parser
from tests.conftest import STORIES
from tests.fakes.servers.http import FakeServer

QUICK = ("-p", "32", "-n", "8", "-r", "2")
HEADER = (
    "| model                          |       size |     params | backend    | threads "
    "|            test |                  t/s |"
)
RULE = (
    "| ------------------------------ | ---------: | ---------: | ---------- | ------: "
    "| --------------: | -------------------: |"
)


def trained_or(other: Path) -> Path:
    """The trained model where it is at hand."""
    return STORIES.resolve() if STORIES.exists() else other


def bench(home: Path, *arguments: object) -> int:
    return commands.run(parser.parse(["--home", str(home), "bench", *map(str, arguments)]))


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def knows(home: Path, **servers: FakeServer) -> None:
    """Has the servers in the settings, each by the name of its kind."""
    configured = [
        {"name": name, "kind": name.replace("_", "-"), "url": server.url}
        for name, server in servers.items()
    ]
    section = {"discover": False, "configured": configured}
    (home / "settings.json").write_text(json.dumps({"providers": section}))

"""Kills a program that fetches a model, at any moment, and looks at what that cost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from app.library.records import HubModel
from tests.adapters.downloading import starts
from tests.fakes.hub.server import FakeHub

PATIENCE = 120.0  # seconds until a download must have ended


@dataclass
class Killer:
    """One model that is fetched by programs that live for a short time each."""

    fake: FakeHub
    model: HubModel
    home: Path
    source: random.Random
    lost: list[int] = field(default_factory=list)  # bytes per kill that were fetched again
    _held: int | None = None  # bytes on the disk after the newest kill

    @property
    def target(self) -> Path:
        """Where the model will lie."""
        return self.home / "models" / self.model.repo / self.model.files[0].path

    def live(self, longest: float, *, until_bytes: bool = False) -> bool:
        """Lets one live for up to so many seconds; whether the model was there before its end.

        With `until_bytes` the time begins when the first bytes are asked for.
        """
        program = self._start()
        end = time.monotonic() + PATIENCE
        while until_bytes and not starts(self.fake) and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(self.source.random() * longest)
        program.kill()
        program.communicate()
        self._count()
        parts = list(self.home.glob("models/.hearth-downloads/*/0.part"))
        self._held = parts[0].stat().st_size if parts else None
        return self.target.exists()

    def finish(self) -> str:
        """Lets one live until it ends; what it said last."""
        program = self._start()
        said, _ = program.communicate(timeout=PATIENCE)
        self._count()
        return said.strip()

    def forget(self) -> None:
        """Removes the model, so that it is fetched anew."""
        self.target.unlink()
        self._held = None

    def _start(self) -> subprocess.Popen[str]:
        self.fake.received.clear()
        folder = self.home / "models"
        folder.mkdir(parents=True, exist_ok=True)
        about = self.home / "model.json"
        about.write_bytes(TypeAdapter(HubModel).dump_json(self.model))
        given = (self.fake.url, str(folder), str(self.home / "downloads.json"), str(about))
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.hub.fetching", *given],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert program.stdout is not None
        assert program.stdout.readline() == "running\n"
        return program

    def _count(self) -> None:
        """What the life before this one had on the disk, and this one has asked for again."""
        asked = starts(self.fake)
        if self._held is not None and asked:
            self.lost.append(self._held - asked[0])

"""Where data, models, logs and resources live; HEARTH_HOME or --home moves all of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

HOME_VARIABLE = "HEARTH_HOME"


class Paths(NamedTuple):
    """The folders of one Hearth. Nothing is created until `create` is called.

    Like the other values of the first paint this is no dataclass: that would cost it 4 ms.
    """

    data: Path
    config: Path
    cache: Path

    @property
    def database(self) -> Path:
        """The chat history."""
        return self.data / "hearth.db"

    @property
    def models(self) -> Path:
        """The folder in which Hearth keeps models."""
        return self.data / "models"

    @property
    def logs(self) -> Path:
        """Log files and crash reports."""
        return self.data / "logs"

    @property
    def lock(self) -> Path:
        """Held by the one Hearth that owns this data."""
        return self.data / "hearth.lock"

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.config / "settings.json"

    @property
    def window_state(self) -> Path:
        """The window's size and place."""
        return self.config / "window.json"

    @property
    def preflight(self) -> Path:
        """Which model files have been tried, and how that went."""
        return self.cache / "preflight.json"

    def create(self) -> None:
        """Makes the folders; raises OSError where that is not allowed."""
        for folder in (self.data, self.config, self.cache, self.models, self.logs):
            folder.mkdir(parents=True, exist_ok=True)


def find(home: str | None = None) -> Paths:
    """The folders under `home`, else under HEARTH_HOME, else where the system wants them."""
    chosen = home or os.environ.get(HOME_VARIABLE)
    if chosen:
        root = Path(chosen).expanduser().absolute()
        return Paths(data=root, config=root, cache=root / "cache")
    import platformdirs

    return Paths(
        data=Path(platformdirs.user_data_dir("Hearth", appauthor=False)),
        config=Path(platformdirs.user_config_dir("Hearth", appauthor=False)),
        cache=Path(platformdirs.user_cache_dir("Hearth", appauthor=False)),
    )


def resources() -> Path:
    """The folder of icons, themes and other data that ships with the program."""
    package = Path(__file__).resolve().parent
    bundled = getattr(sys, "_MEIPASS", None)
    candidates = [package / "resources", package.parent / "resources"]
    if bundled:
        candidates.insert(0, Path(bundled) / "resources")
    return next((folder for folder in candidates if folder.is_dir()), candidates[-1])

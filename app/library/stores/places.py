"""The folders of this computer's user, by which the programs' own folders are found."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """A home, its environment and its system; tests lay out other ones than this computer's."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    platform: str = "linux"  # as sys.platform has it
    root: Path = Path("/")  # above the folders that belong to the system

    @classmethod
    def here(cls) -> Places:
        """Those of this process."""
        try:
            home = Path.home()
        except RuntimeError:  # the user has none
            home = Path()
        return cls(home, os.environ, sys.platform)

    @property
    def is_windows(self) -> bool:
        """Whether the folders are those of Windows."""
        return self.platform == "win32"

    @property
    def is_mac(self) -> bool:
        """Whether the folders are those of macOS."""
        return self.platform == "darwin"

    @property
    def data(self) -> Path:
        """Programs' data; on Windows what follows the user to other computers (%APPDATA%)."""
        if self.is_windows:
            return self.variable("APPDATA") or self.home / "AppData" / "Roaming"
        if self.is_mac:
            return self.home / "Library" / "Application Support"
        return self.variable("XDG_DATA_HOME") or self.home / ".local" / "share"

    @property
    def local_data(self) -> Path:
        """Programs' data that stays on this computer (%LOCALAPPDATA%)."""
        if self.is_windows:
            return self.variable("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data

    @property
    def config(self) -> Path:
        """Settings in the XDG way, which some programs keep to on macOS too."""
        if self.is_windows:
            return self.data
        return self.variable("XDG_CONFIG_HOME") or self.home / ".config"

    @property
    def cache(self) -> Path:
        """What programs can fetch again, in the XDG way."""
        return self.variable("XDG_CACHE_HOME") or self.home / ".cache"

    def variable(self, name: str) -> Path | None:
        """The folder that a variable of the environment names, or None."""
        return self.path(self.environ.get(name, ""))

    def path(self, text: str) -> Path | None:
        """A folder as a person or a program wrote it; None where it is none or not absolute."""
        text = text.strip().strip("\"'").strip()
        if not text or "\0" in text:
            return None
        if text == "~" or text.startswith(("~/", "~\\")):
            return self.home / text[2:]
        path = Path(text)
        return path if path.is_absolute() else None

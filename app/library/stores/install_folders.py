"""Finds programs that have no fixed place by the names of their folders, where people put such."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from app.library.stores.places import Places
from app.library.stores.store import is_folder

# Below the home folder. Each is listed once in a look; what lies deeper is the person's to name.
USUAL = ("", "Downloads", "Documents", "Desktop", "AI", "ai", "Apps", "apps", "Programs", "src",
         "git", "Projects", "projects")  # fmt: skip


def named(places: Places, beginnings: Iterable[str]) -> list[Path]:
    """The folders whose name begins so, in whatever case, in the usual places."""
    parents = [places.home / name for name in USUAL]
    if places.is_windows:
        parents += [places.local_data, places.local_data / "Programs"]
        parents += [drive for name in ("SystemDrive",) if (drive := _drive(places, name))]
    else:
        parents.append(places.root / "opt")
    wanted = tuple(beginnings)
    found: dict[Path, None] = {}
    for parent in parents:
        try:
            with os.scandir(parent) as entries:
                matching = [
                    Path(entry.path)
                    for entry in entries
                    if entry.name.lower().startswith(wanted) and is_folder(entry)
                ]
        except OSError:
            continue
        found.update(dict.fromkeys(sorted(matching)))
    return list(found)


def _drive(places: Places, name: str) -> Path | None:
    drive = places.environ.get(name, "")
    return places.path(f"{drive}\\") if drive else None

"""The downloads in their order; may be asked and changed from any thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.library.downloads.job import Job
    from app.library.records import Download


class Line:
    """Jobs that stand in line, those that leave it, and folders that wait to be removed."""

    def __init__(self) -> None:
        self.jobs: tuple[Job, ...] = ()
        self.leaving: tuple[Job, ...] = ()  # cancelled; what they have fetched is removed
        self.litter: frozenset[Path] = frozenset()
        self._lock = threading.Lock()

    def find(self, key: str) -> Job | None:
        """The job of that id."""
        return next((job for job in self.jobs if job.id == key), None)

    def shown(self) -> tuple[Download, ...]:
        """As the window sees them."""
        return tuple(job.shown() for job in self.jobs)

    def add(self, job: Job) -> None:
        """At the end; in the place of one with the same id. What lies in its folder is kept."""
        with self._lock:
            self.litter -= {job.work_folder}
            self.jobs = (*(other for other in self.jobs if other.id != job.id), job)

    def move(self, key: str, place: int) -> None:
        """To a place counted from 0."""
        with self._lock:
            moved = [job for job in self.jobs if job.id == key]
            rest = [job for job in self.jobs if job.id != key]
            place = max(0, min(place, len(rest)))
            self.jobs = (*rest[:place], *moved, *rest[place:])

    def remove(self, key: str, litter: Path | None) -> None:
        """Takes a job out; `litter` is what is to be removed behind it."""
        with self._lock:
            gone = tuple(job for job in self.jobs if job.id == key)
            self.jobs = tuple(job for job in self.jobs if job.id != key)
            if litter is not None:
                self.leaving += gone
                self.litter |= {litter}

    def left(self, job: Job) -> None:
        """A job that was leaving has gone."""
        with self._lock:
            self.leaving = tuple(other for other in self.leaving if other is not job)

    def clean(self, folder: Path) -> None:
        """A folder has been removed."""
        with self._lock:
            self.litter -= {folder}


def chosen(jobs: Sequence[Job], places: int) -> list[Job]:
    """Those that may run now: the first ones, and behind each that waits for others the next."""
    found: list[Job] = []
    for job in jobs:
        if places <= 0:
            break
        if job.is_wanted:
            found.append(job)
            places -= not job.progress.lets_others_pass
    return found

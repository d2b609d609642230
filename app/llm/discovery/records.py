"""What Hearth keeps on disk of the servers it started, so that none is forgotten after a crash."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import storage
from app.llm.discovery import process_group

STOP_SECONDS = 5.0  # for a server that was asked to end
LOOK_SECONDS = 0.05  # between two looks whether it has
TOLERANCE = 1.0  # seconds by which two readings of a start time may differ, as the clock is set
ENDING = ".json"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """A server that Hearth started; times are in seconds since the epoch."""

    kind: str
    name: str
    url: str
    pid: int
    created: float  # tells the process from a later one with the same number
    owner: int  # the Hearth that started it
    owner_created: float
    argv: tuple[str, ...]
    log: str  # its file


def write(folder: Path, record: Record) -> None:
    """Keeps a record; where the disk refuses, the server runs without one."""
    try:
        storage.write_atomically(_file(folder, record), json.dumps(dataclasses.asdict(record)))
    except OSError as error:
        _LOG.info("the record of %s was not kept: %s", record.name, error)


def remove(folder: Path, record: Record) -> None:
    """Forgets a server that has ended."""
    try:
        _file(folder, record).unlink(missing_ok=True)
    except OSError as error:
        _LOG.info("the record of %s is left behind: %s", record.name, error)


def running(folder: Path) -> list[Record]:
    """All servers that Hearth has started and that still run, of this run or another."""
    found = (_read(file) for file in sorted(folder.glob(f"*{ENDING}")))
    return [record for record in found if record and _runs(record.pid, record.created)]


def stale(folder: Path) -> list[Record]:
    """The servers that still run although the Hearth that started them does not.

    They can be used as any found server is, or ended with `end`. Records of servers that have
    ended are removed.
    """
    left = []
    for file in sorted(folder.glob(f"*{ENDING}")):
        record = _read(file)
        if record is None or not _runs(record.pid, record.created):
            file.unlink(missing_ok=True)
        elif not _runs(record.owner, record.owner_created):
            left.append(record)
    return left


async def end(folder: Path, record: Record) -> None:
    """Ends a stale server, kindly at first, and forgets it; one that is gone is no error."""
    loop = asyncio.get_running_loop()
    patience = loop.time() + STOP_SECONDS
    if _runs(record.pid, record.created):
        process_group.terminate(record.pid)
        # It is no child of this process, so there is no event to wait for.
        while _runs(record.pid, record.created) and loop.time() < patience:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        process_group.kill(record.pid)  # or what it has left behind
    remove(folder, record)


def start_time(pid: int) -> float:
    """When a process began; 0 for one that is gone."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def _runs(pid: int, created: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - created) < TOLERANCE
    except psutil.Error:
        return False


def _file(folder: Path, record: Record) -> Path:
    return folder / f"{record.kind}-{record.pid}{ENDING}"


def _read(file: Path) -> Record | None:
    """The record in a file, or None where it holds anything else."""
    try:
        value: Any = json.loads(file.read_text(encoding="utf-8"))
        record = Record(**{**value, "argv": tuple(value["argv"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    numbers = (record.pid, record.created, record.owner, record.owner_created)
    is_sound = all(isinstance(number, int | float) for number in numbers) and record.pid > 1
    return record if is_sound and record.pid != os.getpid() else None

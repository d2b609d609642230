"""Downloads in words, the same in the window and in the terminal."""

from __future__ import annotations

from app import wording
from app.library.records import Download, Stage

SAID = {
    Stage.WAITING: "waiting",
    Stage.FETCHING: "",
    Stage.STALLED: "waiting for the network",
    Stage.CHECKING: "checking",
    Stage.PAUSED: "paused",
    Stage.FAILED: "stopped",
    Stage.DONE: "done",
}


def progress(download: Download) -> str:
    """Bytes, speed and time left in a line."""
    total = wording.size(download.total) if download.total else ""
    done = wording.size(download.done)
    parts = [
        SAID[download.stage],
        f"{percent(download)} %" if download.total else "",
        f"{done} of {total}" if total else done,
        f"{wording.size(round(download.speed))}/s"
        if download.stage is Stage.FETCHING and download.speed
        else "",
        wording.time_left(download.seconds_left),
    ]
    return " · ".join(filter(None, parts))


def percent(download: Download) -> int:
    """How much has come, rounded down, so that 100 means all of it."""
    return min(100, 100 * download.done // download.total) if download.total else 0

"""Downloads, days and counts in the words that people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import wording
from app.library import telling
from app.library.records import Download, HubFile, HubModel, Stage

NOW = datetime(2026, 8, 21, 12, 0, tzinfo=UTC)
GB = 10**9


def download(stage: Stage = Stage.FETCHING, size: int = 4 * GB, **about: Any) -> Download:
    files = (HubFile("m.gguf", size),) if size else ()
    return Download("1", HubModel("o/r", "c", "Model", files), Path("/x"), stage, **about)


def test_a_download_is_told_by_bytes_speed_and_time_left() -> None:
    line = telling.progress(download(done=GB, speed=10e6))
    assert line == "25 % · 1.0 GB of 4.0 GB · 10.0 MB/s · 5 min left"


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        (Stage.WAITING, "waiting · 25 % · 1.0 GB of 4.0 GB"),
        (Stage.STALLED, "waiting for the network · 25 % · 1.0 GB of 4.0 GB"),
        (Stage.CHECKING, "checking · 25 % · 1.0 GB of 4.0 GB"),
        (Stage.PAUSED, "paused · 25 % · 1.0 GB of 4.0 GB"),
        (Stage.FAILED, "stopped · 25 % · 1.0 GB of 4.0 GB"),
    ],
)
def test_what_does_not_move_has_no_speed_and_no_time(stage: Stage, line: str) -> None:
    assert telling.progress(download(stage, done=GB, speed=10e6)) == line


def test_of_an_unknown_size_only_what_came_is_told() -> None:
    assert telling.progress(download(size=0, done=5_000_000)) == "5.0 MB"
    assert telling.percent(download(size=0, done=5)) == 0


@pytest.mark.parametrize(
    ("done", "share"), [(0, 0), (4 * GB - 1, 99), (4 * GB, 100), (5 * GB, 100)]
)
def test_a_hundred_percent_means_all_of_it(done: int, share: int) -> None:
    assert telling.percent(download(done=done)) == share


def test_every_stage_has_words() -> None:
    assert set(telling.SAID) == set(Stage)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.0, "1 s left"),
        (12.4, "12 s left"),
        (89.4, "89 s left"),
        (114.0, "2 min left"),
        (130.0, "2 min left"),
        (3600.0, "60 min left"),
        (9000.0, "2.5 h left"),
    ],
)
def test_the_time_left_is_rounded_for_people(seconds: float | None, words: str) -> None:
    assert wording.time_left(seconds) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-1, "today"),  # another computer's clock
        (0, "today"),
        (1, "yesterday"),
        (2, "2 days ago"),
        (13, "13 days ago"),
        (14, (NOW - timedelta(days=14)).astimezone().date().isoformat()),
        (400, (NOW - timedelta(days=400)).astimezone().date().isoformat()),
    ],
)
def test_a_day_is_told_as_people_say_it(days: int, words: str) -> None:
    assert wording.day(NOW - timedelta(days=days), NOW) == words


def test_a_day_ends_at_midnight_where_the_person_is() -> None:
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    late, early = midnight - timedelta(minutes=1), midnight + timedelta(minutes=1)
    assert wording.day(late, early) == "yesterday"
    assert wording.day(late.astimezone(UTC), early.astimezone(UTC)) == "yesterday"


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (950, "950"), (9999, "9,999"), (12_345, "12 K"), (3_400_000, "3.4 M")],
)
def test_large_counts_are_rounded(number: int, words: str) -> None:
    assert wording.count(number) == words

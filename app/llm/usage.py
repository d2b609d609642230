"""Counts what each model was used for, by day: answers, tokens, time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from app.schema import ModelRef, Usage

SCHEMA = """
CREATE TABLE IF NOT EXISTS usage (
    day TEXT NOT NULL,              -- of the person's calendar, as 2026-11-21
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    answers INTEGER NOT NULL DEFAULT 0,
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    generated_tokens INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,  -- from the prompt to the last token
    PRIMARY KEY (day, provider, model)
) STRICT
"""
ADD = """
INSERT INTO usage VALUES (?, ?, ?, 1, ?, ?, ?)
ON CONFLICT (day, provider, model) DO UPDATE SET
    answers = answers + 1,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    generated_tokens = generated_tokens + excluded.generated_tokens,
    seconds = seconds + excluded.seconds
"""
BUSY_SECONDS = 5.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """One model on one day; the time in seconds."""

    day: date
    ref: ModelRef
    answers: int
    prompt_tokens: int
    generated_tokens: int
    seconds: float


class UsageLedger:
    """A small SQLite file; it holds no text of anybody. Trouble with it never costs an answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def add(self, ref: ModelRef, usage: Usage) -> None:
        """Adds one answer to today."""
        await asyncio.to_thread(self._add, ref, usage)

    async def read(self, since: date) -> Sequence[DayOfUse]:
        """The days from `since` on, the oldest first."""
        return await asyncio.to_thread(self._read, since)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _add(self, ref: ModelRef, usage: Usage) -> None:
        seconds = usage.prompt_seconds + usage.generation_seconds
        today = date.today().isoformat()  # noqa: DTZ011 - the person's own calendar
        values = (
            today,
            ref.provider,
            ref.model,
            usage.prompt_tokens,
            usage.generated_tokens,
            seconds,
        )
        try:
            with closing(self._open()) as connection, connection:
                connection.execute(ADD, values)
        except (OSError, sqlite3.Error) as error:
            _LOG.info("usage was not counted: %s", error)

    def _read(self, since: date) -> list[DayOfUse]:
        try:
            with closing(self._open()) as connection:
                rows = connection.execute(
                    "SELECT day, provider, model, answers, prompt_tokens, generated_tokens, "
                    "seconds FROM usage WHERE day >= ? ORDER BY day, provider, model",
                    (since.isoformat(),),
                ).fetchall()
        except (OSError, sqlite3.Error) as error:
            _LOG.info("usage cannot be read: %s", error)
            return []
        return [
            DayOfUse(date.fromisoformat(day), ModelRef(provider, model), *figures)
            for day, provider, model, *figures in rows
        ]

"""Numbers and reasons in the words that people read, the same in the window and in the terminal."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.schema import Adapter, FinishReason, Usage

REASONS = {  # by the values of FinishReason
    "stop": "finished",
    "length": "token limit reached",
    "context": "context full",
    "cancelled": "stopped",
    "error": "failed",
}


def size(count: int) -> str:
    """A number of bytes, in decimal units."""
    value = float(count)
    if value < 1000:
        return f"{count} B"
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95 or unit == "TB":
            break
    return f"{value:.1f} {unit}"


def parameters(count: int) -> str:
    """A number of weights: 260 K, 494 M, 7.6 B."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= limit:
            value = count / limit
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return str(count)


def adapters(loaded: Sequence[Adapter]) -> str:
    """The adapters of a model: "adapter german.gguf × 0.5"; "" for none."""
    if not loaded:
        return ""
    each = [Path(one.path).name + (f" × {one.scale:g}" if one.scale != 1 else "") for one in loaded]
    return f"adapter{'s' if len(each) > 1 else ''} {', '.join(each)}"


def count(number: int) -> str:
    """A large number of things, rounded: 950, 12 K, 3.4 M."""
    return parameters(number) if number >= 10_000 else f"{number:,}"


def seconds(value: float) -> str:
    """A short time: 40 ms, 0.8 s, 12 s, 3 min."""
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def server(name: str, models: int) -> str:
    """A server that was found: "Ollama with 7 models"."""
    if not models:
        return name
    return f"{name} with 1 model" if models == 1 else f"{name} with {models:,} models"


def duration(value: float) -> str:
    """A time that may be long: 12 s, 3 min, 2.5 h."""
    return seconds(value) if value < 5400 else f"{value / 3600:.1f} h"


def time_left(seconds_left: float | None) -> str:
    """What long work still takes: "2 min left"; "" where that is not known."""
    if seconds_left is None:
        return ""
    whole = max(1, round(seconds_left))
    return f"{whole} s left" if whole < 90 else f"{duration(max(120, whole))} left"


def day(when: datetime, now: datetime) -> str:
    """A day as people say it: today, yesterday, 3 days ago, else its date."""
    days = (now.astimezone().date() - when.astimezone().date()).days
    if days <= 0:
        return "today"
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 14 else when.astimezone().date().isoformat()


def full_day(iso: str) -> str:
    """A day with its year, from 2026-01-31; whatever else is given stays as it is."""
    try:
        known = date.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{known.day} {known:%B} {known.year}"


def rate(value: float) -> str:
    """Tokens per second."""
    return f"{value:.1f} tokens/s" if value < 20 else f"{value:,.0f} tokens/s"


def statistics(usage: Usage | None, reason: FinishReason | None) -> str:
    """One line about what an answer cost and why it ended."""
    parts: list[str] = []
    if usage is not None:
        cached = f" ({usage.cached_tokens:,} remembered)" if usage.cached_tokens else ""
        parts.append(f"{usage.prompt_tokens:,} prompt tokens{cached}")
        parts.append(f"{usage.generated_tokens:,} generated")
        if usage.tokens_per_second:
            parts.append(rate(usage.tokens_per_second))
        if usage.generated_tokens:
            parts.append(f"first token after {seconds(usage.first_token_seconds)}")
    if reason is not None:
        parts.append(REASONS[reason])
    return " · ".join(parts)

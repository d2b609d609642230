"""Why what was typed for a provider cannot be kept, in plain words."""

from __future__ import annotations

from pydantic import ValidationError

from app.ui.settings.values import sentence

LABELS = {  # of the fields with figures, whose sentences do not name them
    "prompt_price": "Price, read",
    "answer_price": "Price, written",
    "connect_seconds": "Connection",
    "reply_seconds": "Reply",
    "silence_seconds": "Silence",
    "requests_per_minute": "Requests",
    "tokens_per_minute": "Tokens",
}


def wrong(error: ValueError) -> str:
    """What is wrong in plain words, and where."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False)[0]
    said = sentence(first)
    label = LABELS.get(str(first["loc"][0])) if first["loc"] else None
    return f"{label}: {said[:1].lower()}{said[1:]}" if label else said

"""What the APIs of Anthropic and Gemini want of a conversation: a system text, and merged turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.schema import Message, Role

Parts = list[dict[str, Any]]


def system_text(messages: Sequence[Message]) -> str:
    """The system messages as one text, wherever they stand."""
    texts = (message.text.strip() for message in messages if message.role is Role.SYSTEM)
    return "\n\n".join(text for text in texts if text)


def merged(
    messages: Sequence[Message],
    names: Mapping[Role, str],
    field: str,
    parts: Callable[[Message], Parts],
) -> list[dict[str, Any]]:
    """The turns under the API's names of the roles; those of one role in a row become one.

    `field` is where a turn has its parts, and `parts` makes them. Empty turns are left out, because
    these APIs refuse them.
    """
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = names.get(message.role)
        made = parts(message)
        if role is None or not made:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1][field].extend(made)
        else:
            turns.append({"role": role, field: made})
    return turns


def function_of(tool: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The function that a tool in OpenAI's shape describes; None for one of another shape."""
    function = tool.get("function")
    return function if isinstance(function, Mapping) and function.get("name") else None

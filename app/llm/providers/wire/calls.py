"""Tool calls that come in parts, in the streams of Anthropic and of OpenAI's imitators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.schema import Chunk, ToolCall


@dataclass(slots=True)
class Call:
    """A tool call while its parts arrive."""

    id: str = ""
    name: str = ""
    arguments: str = ""  # JSON


def completed(calls: Mapping[int, Call]) -> list[Chunk]:
    """One chunk with all calls in the order of their numbers; no chunk where there are none."""
    ordered = (calls[index] for index in sorted(calls))
    made = tuple(ToolCall(call.id, call.name, call.arguments or "{}") for call in ordered)
    return [Chunk(tool_calls=made)] if made else []

"""What is asked of a model: a conversation, and how the next token is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message."""

    data: bytes
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants to be called; `arguments` is JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, anew for each request; LoadPlan has what a load fixes.

    The defaults are llama.cpp's own (common/common.h).
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    seed: int | None = None  # None: a new one each time
    max_tokens: int | None = None  # None: until the model ends or the context is full
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model: a conversation, or with `raw` a text to be continued as it is."""

    messages: tuple[Message, ...] = ()
    raw: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[Mapping[str, Any], ...] = ()  # as in OpenAI's chat API, passed through
    schema: Mapping[str, Any] | None = None  # a JSON Schema that the answer must follow
    think: bool | str | None = None  # on, off or an effort; None: as the model does by itself

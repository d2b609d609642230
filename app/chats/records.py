"""Chats and messages as they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.schema import FinishReason, Role, Usage


class State(StrEnum):
    """What became of a message."""

    COMPLETE = "complete"
    STREAMING = "streaming"
    STOPPED = "stopped"  # by the person
    INTERRUPTED = "interrupted"  # the program ended in the middle of it
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation; times are seconds since 1970."""

    id: int
    title: str
    draft: str
    updated_at: float
    named_by_person: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer came to its end."""

    state: State
    reason: FinishReason | None = None
    usage: Usage | None = None
    note: str = ""  # an error's sentence, or something else that the person should know
    reasoning: str = ""  # what the model thought before it answered
    model: str = ""  # which one answered, where it was another than the one that was asked


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message, and which of its versions it is."""

    id: int
    chat_id: int
    parent_id: int | None
    role: Role
    text: str
    state: State
    created_at: float
    model: str = ""
    note: str = ""
    reasoning: str = ""
    reason: FinishReason | None = None
    usage: Usage | None = None
    version: int = 1
    versions: int = 1

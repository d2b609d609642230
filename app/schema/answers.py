"""What a model answers: the events of a stream, its end, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.schema.messages import ToolCall
from app.schema.models import ModelRef


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # the model ended its turn, or a stop string was met
    LENGTH = "length"  # the limit of new tokens was reached
    CONTEXT = "context"  # the context is full
    TOOLS = "tools"  # the model wants a tool to be called
    FILTER = "filter"  # the provider withheld the rest
    CANCELLED = "cancelled"  # the person pressed Stop
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost: counts in tokens, times in seconds."""

    prompt_tokens: int
    cached_tokens: int  # of the prompt, those that were still in the KV cache
    generated_tokens: int
    prompt_seconds: float
    first_token_seconds: float
    generation_seconds: float
    is_estimate: bool = False  # counted or timed here, because the server did not say

    @property
    def tokens_per_second(self) -> float | None:
        """The rate of generation after the first token, or None where too little was made."""
        if self.generated_tokens < 2 or self.generation_seconds <= 0:
            return None
        return (self.generated_tokens - 1) / self.generation_seconds


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """How much of the prompt has been processed, in tokens."""

    done: int
    total: int
    cached: int = 0  # of `done`, those that were still in the KV cache


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How long a prompt is; `method` names the estimate, and is "" for the model's tokenizer."""

    tokens: int
    method: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a stream."""

    reason: FinishReason
    usage: Usage
    model: ModelRef | None = None  # which one answered; the manager says it


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a stream: text with the number of its tokens, or one of the others."""

    text: str = ""
    tokens: int = 0
    reasoning: str = ""  # what the model thinks before it answers
    tool_calls: tuple[ToolCall, ...] = ()
    progress: PromptProgress | None = None
    waiting: int | None = None  # requests ahead of this one in the queue
    notice: str = ""  # something the person should know, such as a fallback template
    finish: Finish | None = None

"""The course of one answer: what was asked, what has been written, and when."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.llm.runner.chat_template import Prompt
from app.schema import FinishReason, Usage


@dataclass(slots=True)
class Answer:
    """One answer as it comes; times are seconds of time.monotonic."""

    prompt: Prompt
    started: float
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated: int = 0
    reason: FinishReason = FinishReason.CANCELLED
    prompt_began: float = 0.0
    prompt_done: float = 0.0
    first_token: float = 0.0
    last_token: float = 0.0

    def usage(self) -> Usage:
        """The counts and times, whichever step the answer ended at."""
        now = time.monotonic()
        return Usage(
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            generated_tokens=self.generated,
            prompt_seconds=(self.prompt_done or now) - self.prompt_began,
            first_token_seconds=(self.first_token or now) - self.started,
            generation_seconds=max(0.0, self.last_token - self.first_token),
        )

"""Follows an answer while it is generated: its tokens as text, and where it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

import torch

from app.llm.providers.huggingface.token_text import TokenText
from app.llm.providers.huggingface.work_thread import Stop
from app.llm.providers.wire.thinking import Thinking
from app.llm.runner.text_stream import TextStream
from app.schema import Chunk, FinishReason, Sampling

MOST_SEED = (1 << 64) - 1


class Speech:
    """A stopping criterion of transformers, which sees each token as soon as it is chosen.

    It says the token's text, and ends the answer at a stop string or when it is to stop. Times are
    seconds of time.monotonic.
    """

    def __init__(
        self,
        tokens: TokenText,
        text: TextStream,
        thinking: Thinking | None,
        ends: Collection[int],
        stop: Stop,
        emit: Callable[[Chunk], None],
    ) -> None:
        """`text` looks for stop strings; `ends` are the tokens that end a turn."""
        self._tokens = tokens
        self._text = text
        self._thinking = thinking
        self._ends = ends
        self._stop = stop
        self._emit = emit
        self._ended = False
        self.count = 0
        self.reason: FinishReason | None = None  # None where a limit ended it
        self.first = 0.0
        self.last = 0.0

    def __call__(self, ids: torch.Tensor, _scores: Any, **_more: Any) -> torch.Tensor:
        """Whether the answer ends here; `ids` are the prompt's tokens and the answer's so far."""
        if not self._ended:  # a device may be a step behind, and be asked once more
            self._take(int(ids[0, -1]))
        return torch.full((ids.shape[0],), self._ended, dtype=torch.bool, device=ids.device)

    def close(self) -> None:
        """Says what was held back."""
        text = self._text.feed(self._tokens.end().encode()) + self._text.close()
        reasoning = ""
        if self._thinking is not None:
            split, last = self._thinking.feed(text), self._thinking.end()
            text, reasoning = split.text + last.text, split.reasoning + last.reasoning
        if text or reasoning:
            self._emit(Chunk(text, reasoning=reasoning))

    def _take(self, token: int) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        if self._stop.is_set():
            self._ended = True
        elif token in self._ends:
            self._ended = True
            self.reason = FinishReason.STOP
        else:
            self.count += 1
            self._say(self._text.feed(self._tokens.feed(token).encode()))
            if self._text.stopped:
                self._ended = True
                self.reason = FinishReason.STOP

    def _say(self, text: str) -> None:
        if self._thinking is None:
            self._emit(Chunk(text, tokens=1))
        else:
            split = self._thinking.feed(text)
            self._emit(Chunk(split.text, tokens=1, reasoning=split.reasoning))


class RecentPenalty:
    """Makes the tokens of the last few less likely, as llama.cpp does; a logits processor."""

    def __init__(self, penalty: float, window: int) -> None:
        """`window` is in tokens; -1 is all of them."""
        self._penalty = penalty
        self._window = window

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with the penalty."""
        recent = ids if self._window < 0 else ids[:, -self._window :]
        chosen = scores.gather(1, recent)
        less = torch.where(chosen < 0, chosen * self._penalty, chosen / self._penalty)
        return scores.scatter(1, recent, less)


def settings(sampling: Sampling, limit: int) -> dict[str, Any]:
    """A request's sampling as transformers' GenerationConfig takes it; `limit` is in new tokens."""
    if sampling.temperature <= 0:
        return {"max_new_tokens": limit, "do_sample": False}
    return {
        "max_new_tokens": limit,
        "do_sample": True,
        "temperature": float(sampling.temperature),
        "top_k": max(0, sampling.top_k),
        "top_p": float(sampling.top_p),
        "min_p": float(sampling.min_p) if sampling.min_p > 0 else None,
    }


def processors(sampling: Sampling) -> list[RecentPenalty]:
    """What changes the scores before a token is chosen."""
    if sampling.repeat_penalty == 1.0 or sampling.repeat_last_n == 0:
        return []
    return [RecentPenalty(sampling.repeat_penalty, sampling.repeat_last_n)]


def seed(number: int | None) -> None:
    """Begins the random numbers anew: the same each time for a number, others for None."""
    if number is None:
        torch.seed()
    else:
        torch.manual_seed(number & MOST_SEED)

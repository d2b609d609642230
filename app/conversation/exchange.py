"""One answer while it is being made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from app.chats.records import Ending, State, StoredMessage
from app.conversation.journal import Journal
from app.errors import HearthError, StorageError
from app.schema import Chunk, Finish, FinishReason, PromptProgress, Usage

Listener = Callable[["Exchange"], None]


@dataclass(slots=True)
class _Seen:
    """When things arrived, in seconds of time.monotonic: the usage of a stopped answer."""

    started: float
    prompt_began: float = 0.0
    prompt_done: float = 0.0
    first_text: float = 0.0
    last_text: float = 0.0
    tokens: int = 0


class Exchange:
    """What is known of a running answer; listeners are called when that changes."""

    def __init__(self, question: StoredMessage, answer: StoredMessage) -> None:
        self.question = question
        self.answer = answer
        self.text = ""
        self.reasoning = ""
        self.answered_by = ""  # a model that stepped in for the selected one
        self.progress: PromptProgress | None = None
        self.waiting = 0  # requests ahead in the queue
        self.notice = ""
        self.ending: Ending | None = None
        self.error: HearthError | None = None  # behind an ending with State.FAILED
        self.problem: StorageError | None = None  # while the history cannot be written
        self.stopping = False
        self.task: asyncio.Task[None] | None = None
        self._seen = _Seen(time.monotonic())
        self._listeners: list[Listener] = []

    @property
    def chat_id(self) -> int:
        """The chat that it belongs to."""
        return self.answer.chat_id

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` at each change; returns what ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def stop(self) -> None:
        """Ends the answer where it is; what was said stays."""
        if self.task is not None and not self.stopping and self.ending is None:
            self.stopping = True
            self.task.cancel()
            self._changed()

    async def receive(self, chunks: AsyncGenerator[Chunk, None], journal: Journal) -> None:
        """Takes the stream to its end and sets `ending`; raises only what is a bug of ours."""
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    self._take(chunk)
                    journal.add(chunk.text)
                    self._changed()
        except asyncio.CancelledError:
            self.ending = self._ending(State.STOPPED, FinishReason.CANCELLED, self.notice)
        except HearthError as error:
            self.error = error
            self.ending = self._ending(State.FAILED, FinishReason.ERROR, str(error))
        except BaseException:
            note = "Something in Hearth went wrong here; the log says what."
            self.ending = self._ending(State.FAILED, FinishReason.ERROR, note)
            raise
        else:
            self.ending = self.ending or self._ending(
                State.INTERRUPTED, None, "The answer broke off."
            )
        finally:
            self._changed()

    def report(self, problem: StorageError | None) -> None:
        """The history cannot be written, or can be again."""
        self.problem = problem
        self._changed()

    def _take(self, chunk: Chunk) -> None:
        now = time.monotonic()
        seen = self._seen
        if chunk.waiting is not None:
            self.waiting = chunk.waiting
        elif chunk.progress is not None:
            self.waiting = 0
            seen.prompt_began = seen.prompt_began or now
            seen.prompt_done = now
            self.progress = chunk.progress
        elif chunk.notice:
            self.notice = f"{self.notice} {chunk.notice}".strip()
        elif chunk.finish is not None:
            self._finish(chunk.finish)
        else:
            seen.first_text = seen.first_text or now
            seen.last_text = now
            seen.tokens += chunk.tokens
            self.text += chunk.text
            self.reasoning += chunk.reasoning

    def _finish(self, finish: Finish) -> None:
        stopped = finish.reason is FinishReason.CANCELLED
        state = State.STOPPED if stopped else State.COMPLETE
        self.ending = Ending(
            state, finish.reason, finish.usage, self.notice, self.reasoning, self.answered_by
        )

    def _ending(self, state: State, reason: FinishReason | None, note: str) -> Ending:
        return Ending(state, reason, self._usage(), note, self.reasoning)

    def _usage(self) -> Usage | None:
        """What the answer cost so far, by our own clock; None before anything was processed."""
        if self.progress is None:
            return None
        seen = self._seen
        return Usage(
            prompt_tokens=self.progress.total,
            cached_tokens=self.progress.cached,
            generated_tokens=seen.tokens,
            prompt_seconds=seen.prompt_done - seen.prompt_began,
            first_token_seconds=(seen.first_text or time.monotonic()) - seen.started,
            generation_seconds=seen.last_text - seen.first_text,
        )

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener(self)

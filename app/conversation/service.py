"""Asks the model within a chat. Answers run on when their chat is not on the screen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from app.chats.records import Ending, State, StoredMessage
from app.chats.store import ChatStore
from app.conversation import titles
from app.conversation.exchange import Exchange
from app.conversation.journal import Journal
from app.errors import HearthError
from app.llm.manager import LLMManager
from app.schema import Chunk, Message, ModelRef, Request, Role, Sampling

ANSWER_SHARE = 8  # at least the eighth part of the context is left free for the answer
_LOG = logging.getLogger(__name__)


class Defaults(Protocol):
    """What a request begins with; the settings have it."""

    system_prompt: str

    def sampling(self) -> Sampling:
        """How tokens are chosen."""
        ...


class ConversationService:
    """Starts, knows and ends the running answers; at most one in each chat."""

    def __init__(
        self,
        manager: LLMManager,
        store: ChatStore,
        defaults: Callable[[], Defaults],
        fallback: Callable[[], Sequence[ModelRef]] = tuple,
    ) -> None:
        """`fallback` gives the models that step in when the selected one cannot answer."""
        self._manager = manager
        self._store = store
        self._defaults = defaults
        self._fallback = fallback
        self._running: dict[int, Exchange] = {}
        self._rolling: set[int] = set()  # chats whose oldest messages may be left out
        self._on_started: list[Callable[[Exchange], None]] = []
        self._on_renamed: list[Callable[[int], None]] = []

    def on_started(self, listener: Callable[[Exchange], None]) -> None:
        """Calls `listener` with each new exchange."""
        self._on_started.append(listener)

    def on_renamed(self, listener: Callable[[int], None]) -> None:
        """Calls `listener` with the id of a chat that was named by itself."""
        self._on_renamed.append(listener)

    def running(self, chat_id: int | None) -> Exchange | None:
        """The chat's answer that is being made."""
        return self._running.get(chat_id) if chat_id is not None else None

    def leave_out_oldest(self, chat_id: int) -> None:
        """Lets this chat go on without its oldest messages where the context is too small."""
        self._rolling.add(chat_id)

    async def ask(self, chat_id: int | None, parent_id: int | None, text: str) -> Exchange:
        """Sends a person's message: in a chat below `parent_id`, or in a new one for None.

        Raises:
            StorageError: the message could not be kept; nothing was sent.
        """
        if chat_id is None:
            chat_id = (await self._store.add_chat()).id
            await self._store.rename(chat_id, titles.from_exchange(text), by_person=False)
        question, answer = await self._store.add_question(
            chat_id, parent_id, text, self._model_name()
        )
        return self._start(question, answer)

    async def regenerate(self, question: StoredMessage) -> Exchange:
        """Has a message answered anew; the answer before stays as a version.

        Raises:
            StorageError: the new answer could not be kept; nothing was sent.
        """
        answer = await self._store.add_answer(question.chat_id, question.id, self._model_name())
        return self._start(question, answer)

    async def stop(self, chat_id: int) -> None:
        """Stops the chat's answer, and returns when it has stopped and is saved."""
        exchange = self.running(chat_id)
        if exchange is not None and exchange.task is not None:
            exchange.stop()
            await asyncio.wait([exchange.task])

    async def aclose(self) -> None:
        """Stops all answers."""
        for exchange in tuple(self._running.values()):
            await self.stop(exchange.chat_id)

    def _model_name(self) -> str:
        state = self._manager.state
        return state.loaded.info.name if state.loaded else str(state.ref or "")

    def _start(self, question: StoredMessage, answer: StoredMessage) -> Exchange:
        exchange = Exchange(question, answer)
        self._running[exchange.chat_id] = exchange
        exchange.task = asyncio.ensure_future(self._run(exchange))
        for listener in self._on_started:
            listener(exchange)
        return exchange

    async def _run(self, exchange: Exchange) -> None:
        journal = Journal(self._store, exchange.answer.id, exchange.report)
        try:
            await exchange.receive(self._stream(exchange), journal)
        finally:
            ending = exchange.ending or Ending(State.INTERRUPTED)
            # Two attempts when the program closes; the journal holds the rest in any case.
            await journal.end(exchange.text, ending, attempts=2 if exchange.stopping else None)
            self._running.pop(exchange.chat_id, None)
        with contextlib.suppress(HearthError):
            await self._name(exchange)

    async def _stream(self, exchange: Exchange) -> AsyncGenerator[Chunk, None]:
        fallback = self._fallback()
        context, asked = await self._get_ready(patient=bool(fallback))
        history = await self._store.messages(exchange.chat_id)
        defaults = self._defaults()
        messages = [Message(m.role, m.text) for m in history if m.id != exchange.answer.id]
        messages = [message for message in messages if message.text]
        if exchange.chat_id in self._rolling:
            messages, left_out = await self._fitting(messages, context)
            if left_out:
                yield Chunk(notice=f"The {left_out} oldest messages of this chat were left out.")
        request = self._request(messages, defaults)
        async with aclosing(self._manager.stream(request, fallback)) as chunks:
            async for chunk in chunks:
                finish = chunk.finish
                if finish is not None and finish.model is not None and finish.model != asked:
                    exchange.answered_by = str(finish.model)
                yield chunk

    async def _get_ready(self, *, patient: bool) -> tuple[int, ModelRef | None]:
        """The selected model and its context in tokens; `patient` leaves failing to the stream."""
        try:
            loaded = await self._manager.ensure_ready()
        except HearthError:
            if not patient:
                raise
            return 0, self._manager.state.ref
        return loaded.context, loaded.info.ref

    def _request(self, messages: Sequence[Message], defaults: Defaults) -> Request:
        system = defaults.system_prompt.strip()
        first = [Message(Role.SYSTEM, system)] if system else []
        return Request(messages=(*first, *messages), sampling=defaults.sampling())

    async def _fitting(self, messages: list[Message], context: int) -> tuple[list[Message], int]:
        """The longest end of the chat that begins with a question and leaves room to answer."""
        defaults = self._defaults()
        starts = [i for i, message in enumerate(messages) if message.role is Role.USER] or [0]

        if not context:  # the server does not say how much it holds: the newer half is kept
            middle = starts[len(starts) // 2]
            return messages[middle:], middle
        room = context - context // ANSWER_SHARE

        async def fits(start: int) -> bool:
            request = self._request(messages[start:], defaults)
            return (await self._manager.count_tokens(request)).tokens <= room

        low, high = 0, len(starts) - 1
        while low < high:
            middle = (low + high) // 2
            if await fits(starts[middle]):
                high = middle
            else:
                low = middle + 1
        return messages[starts[low] :], starts[low]

    async def _name(self, exchange: Exchange) -> None:
        """Names a chat after its first exchange, unless a person named it."""
        if exchange.question.parent_id is not None or not exchange.text:
            return
        title = titles.from_exchange(exchange.question.text, exchange.text)
        await self._store.rename(exchange.chat_id, title, by_person=False)
        for listener in self._on_renamed:
            listener(exchange.chat_id)

"""The chat on the screen: opens, asks, follows the answer, keeps drafts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.chats.records import StoredMessage
from app.errors import ContextOverflow, HearthError, NoModel, StorageError
from app.llm.state import Phase
from app.schema import Role
from app.ui.chat.message import AssistantMessage
from app.ui.shell import Shell
from app.ui.tasks import Tasks

if TYPE_CHECKING:
    from app.chats.store import ChatStore
    from app.conversation.exchange import Exchange
    from app.conversation.service import ConversationService
    from app.llm.manager import LLMManager

FRAME = 33  # milliseconds between drawings of a growing answer
FRAME_SHARE = 10  # an answer that is slow to draw is drawn so many times less often
DRAFT_DELAY = 400  # milliseconds after the last key


@dataclass(frozen=True, slots=True)
class Services:
    """What the controllers work with."""

    manager: LLMManager
    store: ChatStore
    conversations: ConversationService
    tasks: Tasks


class ChatController(QObject):
    """Connects the shell's conversation with the history and the running answers."""

    def __init__(self, shell: Shell, services: Services, choose_model: Callable[[], None]) -> None:
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._choose_model = choose_model
        self.chat_id: int | None = None
        self._branch: list[StoredMessage] = []
        self._editing: StoredMessage | None = None
        self._exchange: Exchange | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._frame = self._timer(FRAME, self._draw)
        self._draft = self._timer(DRAFT_DELAY, self._save_draft)
        composer, transcript = shell.composer, shell.transcript
        composer.sent.connect(self.send)
        composer.stopped.connect(self.stop)
        composer.escaped.connect(self._cancel_edit)
        composer.edited.connect(self._draft.start)
        shell.edit_bar.cancel.clicked.connect(self._cancel_edit)
        transcript.regenerate_wanted.connect(self._regenerate)
        transcript.remedy_wanted.connect(self._remedy)
        transcript.edit_wanted.connect(self._edit)
        transcript.version_wanted.connect(self._switch_version)
        shell.sidebar.new_wanted.connect(self.new_chat)
        shell.chats.chat_chosen.connect(self.open_chat)
        shell.chats.rename_wanted.connect(self._rename)
        shell.chats.delete_wanted.connect(self.delete)

    def detach(self) -> None:
        """Lets go of the running answer, which goes on."""
        self._frame.stop()
        self._draft.stop()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._exchange = None

    def new_chat(self, draft: str = "") -> None:
        """An empty chat; it is kept when its first message is sent."""
        self._spawn(self._show(None, draft or ""))

    def open_chat(self, chat_id: int) -> None:
        """Shows a chat of the list."""
        self._shell.close_overlay()
        if chat_id != self.chat_id:
            self._spawn(self._show(chat_id))

    async def show(self, chat_id: int | None, draft: str = "") -> None:
        """Shows a chat, or a new one with what was written in it."""
        await self._show(chat_id, draft)

    def send(self, text: str) -> None:
        """Sends a message; where that fails, the text is back in the composer."""
        if self._services.manager.state.phase is Phase.NOTHING:
            error = NoModel("Choose a model first; your message waits here.")
            self._shell.banner.show_error(error, "Open a model file…", self._choose_model)
            return
        self._shell.composer.set_text("")
        self._spawn(self._send(text))

    def stop(self) -> None:
        """Ends the answer that is being made in this chat."""
        if self._exchange is not None:
            self._exchange.stop()

    def delete(self, chat_id: int) -> None:
        """Deletes a chat, with undo."""
        self._spawn(self._delete(chat_id))

    async def refresh_list(self) -> None:
        """Reads the list of chats anew."""
        chats = await self._services.store.chats()
        self._shell.chats.show_chats(chats, self.chat_id)

    def exchange_started(self, exchange: Exchange) -> None:
        """An answer began somewhere: its row shows it until it ends."""
        chats = self._shell.chats.chats
        chats.set_busy(exchange.chat_id, busy=True)

        def on_change(changed: Exchange) -> None:
            if changed.ending is not None:
                chats.set_busy(changed.chat_id, busy=False)

        exchange.subscribe(on_change)

    async def aclose(self) -> None:
        """Keeps the draft, and lets go of the running answer."""
        await self._keep_draft()
        self.detach()

    def rename_current(self) -> None:
        """Opens the field in which this chat is renamed."""
        if self.chat_id is not None:
            self._shell.chats.rename(self.chat_id)

    def delete_current(self) -> None:
        """Deletes this chat, with undo."""
        if self.chat_id is not None:
            self.delete(self.chat_id)

    def draft(self) -> str:
        """What stands in the composer of a chat that is not kept yet."""
        return self._shell.composer.text() if self.chat_id is None else ""

    async def _show(self, chat_id: int | None, draft: str = "") -> None:
        await self._keep_draft()
        store = self._services.store
        messages = await store.messages(chat_id) if chat_id is not None else []
        if chat_id is not None:
            chat = next((chat for chat in await store.chats() if chat.id == chat_id), None)
            draft = chat.draft if chat else ""
        self.detach()
        self._cancel_edit()
        self.chat_id = chat_id
        self._branch = messages
        self._shell.transcript.show_messages(messages)
        self._shell.show_conversation(empty=not messages)
        self._shell.composer.set_text(draft)
        self._shell.composer.set_running(running=False)
        self._shell.chats.select(chat_id)
        self._show_context()
        running = self._services.conversations.running(chat_id)
        if running is not None:
            self._follow(running)
        self._shell.composer.editor.setFocus()

    async def _send(self, text: str) -> None:
        editing, self._editing = self._editing, None
        self._shell.edit_bar.hide()
        if editing is not None:
            parent = editing.parent_id
        else:
            parent = self._branch[-1].id if self._branch else None
        try:
            exchange = await self._services.conversations.ask(self.chat_id, parent, text)
        except HearthError as error:
            self._editing = editing
            self._shell.composer.set_text(text)
            self._shell.banner.show_error(error)
            return
        if editing is not None:
            self._forget_from(editing.id)
        self.chat_id = exchange.chat_id
        self._branch += [exchange.question, exchange.answer]
        self._shell.show_conversation(empty=False)
        self._shell.transcript.append(exchange.question)
        self._shell.transcript.append(exchange.answer)
        self._follow(exchange)
        await self.refresh_list()
        self._shell.chats.chats.set_busy(exchange.chat_id, busy=exchange.ending is None)

    def _regenerate(self, message_id: int) -> None:
        question = self._question_of(message_id)
        if question is not None and self._exchange is None:
            self._spawn(self._answer_again(question, message_id))

    async def _answer_again(self, question: StoredMessage, message_id: int) -> None:
        try:
            exchange = await self._services.conversations.regenerate(question)
        except StorageError as error:
            self._shell.banner.show_error(error)
            return
        self._forget_from(message_id)
        self._branch.append(exchange.answer)
        self._shell.transcript.append(exchange.answer)
        self._follow(exchange)

    def _remedy(self, message_id: int) -> None:
        """The button below an answer that failed."""
        if self._services.manager.state.phase is Phase.NOTHING:
            self._choose_model()
        elif self.chat_id is not None:
            self._services.conversations.leave_out_oldest(self.chat_id)
            self._regenerate(message_id)

    def _follow(self, exchange: Exchange) -> None:
        """Draws the answer as it grows."""
        self.detach()
        self._exchange = exchange
        self._unsubscribe = exchange.subscribe(self._exchange_changed)
        self._shell.composer.set_running(running=True)
        self._draw()

    def _exchange_changed(self, exchange: Exchange) -> None:
        if exchange.problem is not None:
            self._shell.banner.show_error(exchange.problem)
        if exchange.ending is not None:
            self._finish(exchange)
        elif not self._frame.isActive():
            self._frame.start()

    def _draw(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        began = time.perf_counter()
        self._shell.composer.set_running(running=True, stopping=exchange.stopping)
        view = self._shell.transcript.view(exchange.answer.id)
        if isinstance(view, AssistantMessage):
            view.show_waiting("" if exchange.text else self._waiting_text(exchange))
            if exchange.text:
                view.show_text(exchange.text)
        spent = (time.perf_counter() - began) * 1000
        self._frame.setInterval(max(FRAME, round(spent * FRAME_SHARE)))

    def _waiting_text(self, exchange: Exchange) -> str:
        if exchange.stopping:
            return "Stopping…"
        if exchange.waiting:
            others = "another answer" if exchange.waiting == 1 else f"{exchange.waiting} others"
            return f"Waiting for {others} to end"
        progress = exchange.progress
        if progress is not None:
            return f"Reading your prompt, {progress.done / max(1, progress.total):.0%}"
        if self._services.manager.state.phase is Phase.LOADING:
            return "Loading the model"
        return "Reading your prompt"

    def _finish(self, exchange: Exchange) -> None:
        """The answer has ended: its figures appear, and the composer sends again."""
        ending = exchange.ending
        if exchange is not self._exchange or ending is None:
            return
        self.detach()
        message = replace(
            exchange.answer,
            text=exchange.text,
            state=ending.state,
            note=ending.note,
            reason=ending.reason,
            usage=ending.usage,
        )
        self._branch[-1:] = [message]
        view = self._shell.transcript.view(message.id)
        if isinstance(view, AssistantMessage):
            view.end(message, self._name_remedy(exchange))
        self._shell.composer.set_running(running=False)
        self._show_context()
        self._spawn(self.refresh_list())

    def _name_remedy(self, exchange: Exchange) -> str:
        nothing = self._services.manager.state.phase is Phase.NOTHING
        if isinstance(exchange.error, NoModel) and nothing:
            return "Choose a model"
        questions = sum(message.role is Role.USER for message in self._branch)
        if isinstance(exchange.error, ContextOverflow) and questions > 1:
            return "Leave out the oldest messages"
        return ""

    def _show_context(self) -> None:
        """How full the context is, by the last answer's figures."""
        loaded = self._services.manager.state.loaded
        usage = next((m.usage for m in reversed(self._branch) if m.usage is not None), None)
        used = usage.prompt_tokens + usage.generated_tokens if usage else 0
        self._shell.header.meter.show_use(used, loaded.context if loaded else 0)

    def model_changed(self) -> None:
        """The meter follows the loaded model, and a waiting answer what happens to it."""
        self._show_context()
        if self._exchange is not None and not self._exchange.text and not self._frame.isActive():
            self._frame.start()

    def _edit(self, message_id: int) -> None:
        message = next((m for m in self._branch if m.id == message_id), None)
        if message is not None and self._exchange is None:
            self._editing = message
            self._shell.composer.set_text(message.text)
            self._shell.edit_bar.show()
            self._shell.composer.editor.setFocus()

    def _cancel_edit(self) -> None:
        if self._editing is not None:
            self._editing = None
            self._shell.edit_bar.hide()
            self._shell.composer.set_text("")

    def _switch_version(self, message_id: int, step: int) -> None:
        self._spawn(self._show_version(message_id, step))

    async def _show_version(self, message_id: int, step: int) -> None:
        versions = await self._services.store.versions(message_id)
        index = versions.index(message_id) + step
        if 0 <= index < len(versions) and self._exchange is None:
            await self._services.store.show_version(versions[index])
            await self._show(self.chat_id)

    def _rename(self, chat_id: int, title: str) -> None:
        self._spawn(self._do_rename(chat_id, title))

    async def _do_rename(self, chat_id: int, title: str) -> None:
        await self._services.store.rename(chat_id, title, by_person=True)
        await self.refresh_list()

    async def _delete(self, chat_id: int) -> None:
        store = self._services.store
        title = next((c.title for c in await store.chats() if c.id == chat_id), "")
        await self._services.conversations.stop(chat_id)
        was_open = chat_id == self.chat_id
        if was_open:
            await self._show(None)
        await store.delete([chat_id])
        await self.refresh_list()

        async def restore() -> None:
            await store.restore([chat_id])
            await self.refresh_list()
            if was_open:
                await self._show(chat_id)

        self._shell.toast.show_undo(f"Deleted “{title}”", lambda: self._spawn(restore()))

    def _save_draft(self) -> None:
        self._spawn(self._keep_draft())

    async def _keep_draft(self) -> None:
        self._draft.stop()
        if self.chat_id is not None and self._editing is None:
            await self._services.store.save_draft(self.chat_id, self._shell.composer.text())

    def _question_of(self, answer_id: int) -> StoredMessage | None:
        ids = [message.id for message in self._branch]
        if answer_id not in ids or ids.index(answer_id) == 0:
            return None
        return self._branch[ids.index(answer_id) - 1]

    def _forget_from(self, message_id: int) -> None:
        ids = [message.id for message in self._branch]
        if message_id in ids:
            del self._branch[ids.index(message_id) :]
        self._shell.transcript.remove_from(message_id)

    def _spawn(self, coroutine: object) -> None:
        self._services.tasks.spawn(self, coroutine)  # type: ignore[arg-type]

    def _timer(self, interval: int, action: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(action)
        return timer

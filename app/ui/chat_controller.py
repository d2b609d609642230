"""The chat on the screen: opens, asks, answers again, edits, keeps drafts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.chats.records import StoredMessage
from app.errors import ContextOverflow, HearthError, NoModel, ProviderError, StorageError
from app.llm.state import Phase
from app.schema import Role
from app.ui.answer_drawing import AnswerDrawing
from app.ui.banner import Topic
from app.ui.chat.message import AssistantMessage
from app.ui.chat_list_controller import ChatListController
from app.ui.services import Services
from app.ui.shell import Shell

if TYPE_CHECKING:
    from app.conversation.exchange import Exchange
    from app.schema import ModelInfo

DRAFT_DELAY = 400  # milliseconds after the last key


class ChatController(QObject):
    """Connects the shell's conversation with the history and the running answers."""

    def __init__(
        self,
        shell: Shell,
        services: Services,
        choose_model: Callable[[], None],
        new_draft: str,
        keep_new_draft: Callable[[str], Awaitable[None]],
    ) -> None:
        """`new_draft` is what a new chat holds; `keep_new_draft` is told when that changes."""
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._choose_model = choose_model
        self._keep_new_draft = keep_new_draft
        self.chat_id: int | None = None
        self._branch: list[StoredMessage] = []
        self._editing: StoredMessage | None = None
        self._aside = ""  # what stood in the composer before an earlier message was edited
        self._new_draft = new_draft
        self._elsewhere: dict[int, ModelInfo] = {}  # by the answer that failed
        self._page = 0  # counts what was shown
        self._drawing = AnswerDrawing(shell, services.manager, self._finish)
        self.list = ChatListController(shell, services, lambda: self.chat_id, self.show)
        self._draft = QTimer(self)
        self._draft.setSingleShot(True)
        self._draft.setInterval(DRAFT_DELAY)
        self._draft.timeout.connect(self._save_draft)
        composer, transcript = shell.composer, shell.transcript
        composer.set_text(new_draft + composer.text())  # somebody may have begun to write
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

    def detach(self) -> None:
        """Lets go of the running answer, which goes on."""
        self._draft.stop()
        self._drawing.let_go()

    def new_chat(self) -> None:
        """An empty chat, with what was written in it before; its first message makes it stay."""
        self._shell.close_overlay()
        self._shell.leave_page()
        if self.chat_id is not None:
            self._spawn(self.show(None))
        self._shell.composer.editor.setFocus()

    def open_chat(self, chat_id: int) -> None:
        """Shows a chat of the list."""
        self._shell.close_overlay()
        self._shell.leave_page()
        if chat_id != self.chat_id:
            self._spawn(self.show(chat_id))

    async def show(self, chat_id: int | None, draft: str | None = None) -> None:
        """Shows a chat, or the new one for None; `draft` is put into its composer."""
        await self._keep_draft()
        store = self._services.store
        messages = await store.messages(chat_id) if chat_id is not None else []
        if draft is None and chat_id is not None:
            draft = next((chat.draft for chat in await store.chats() if chat.id == chat_id), "")
        self.detach()
        self._cancel_edit()
        self.chat_id = chat_id
        self._page += 1
        self._branch = messages
        self._shell.transcript.show_messages(messages)
        self._shell.show_conversation(empty=not messages)
        self._shell.composer.set_text(self._new_draft if draft is None else draft)
        self._shell.composer.set_running(running=False)
        self._shell.chats.select(chat_id)
        self._show_context()
        running = self._services.conversations.running(chat_id)
        if running is not None:
            self._drawing.follow(running)
        self._shell.composer.editor.setFocus()

    def send(self, text: str) -> None:
        """Sends a message; where that fails, the text is back in the composer."""
        if self._services.manager.state.phase is Phase.NOTHING:
            error = NoModel("Choose a model first; your message waits here.")
            self._shell.banner.show_error(
                Topic.MODEL, error, "Open a model file…", self._choose_model
            )
            return
        self._shell.composer.set_text("")
        self._shell.composer.set_running(running=True)
        self._spawn(self._send(text))

    def ask(self, question: str) -> None:
        """Sends a question that nobody typed; what is being written stays in the composer."""
        written = self._shell.composer.text()
        self.send(question)
        self._shell.composer.set_text(written)
        self._shell.composer.editor.setFocus()

    def stop(self) -> None:
        """Ends the answer that is being made in this chat."""
        if self._drawing.exchange is not None:
            self._drawing.exchange.stop()

    async def aclose(self) -> None:
        """Keeps the draft, and lets go of the running answer."""
        await self._keep_draft()
        self.detach()

    @property
    def written(self) -> str:
        """What stands in the composer."""
        return self._shell.composer.text()

    @property
    def new_draft(self) -> str:
        """What is written in the chat that is not kept yet."""
        return self.written if self.chat_id is None else self._new_draft

    async def _send(self, text: str) -> None:
        page = self._page
        editing, self._editing = self._editing, None
        self._shell.edit_bar.hide()
        if editing is not None:
            parent = editing.parent_id
        else:
            parent = self._branch[-1].id if self._branch else None
        try:
            exchange = await self._services.conversations.ask(self.chat_id, parent, text)
        except HearthError as error:
            self._shell.composer.set_running(running=False)
            self._shell.composer.set_text("\n".join(filter(None, (text, self.written))))
            self._shell.banner.show_error(Topic.HISTORY, error)
            return
        if page != self._page:  # another chat was opened meanwhile
            await self.list.refresh()
            return
        if editing is not None:
            self._forget_from(editing.id)
            self._shell.composer.set_text("\n".join(filter(None, (self._aside, self.written))))
        was_new = self.chat_id is None
        self.chat_id = exchange.chat_id
        self._branch += [exchange.question, exchange.answer]
        self._shell.show_conversation(empty=False)
        self._shell.transcript.append(exchange.question)
        self._shell.transcript.append(exchange.answer)
        self._drawing.follow(exchange)
        await self.list.refresh()
        self._shell.chats.chats.set_busy(exchange.chat_id, busy=exchange.ending is None)
        if was_new and self._new_draft:
            self._new_draft = ""
            await self._keep_new_draft("")

    def _regenerate(self, message_id: int) -> None:
        question = self._question_of(message_id)
        if question is not None and self._drawing.exchange is None:
            self._spawn(self._answer_again(question, message_id))

    async def _answer_again(self, question: StoredMessage, message_id: int) -> None:
        try:
            exchange = await self._services.conversations.regenerate(question)
        except StorageError as error:
            self._shell.banner.show_error(Topic.HISTORY, error)
            return
        self._forget_from(message_id)
        self._branch.append(exchange.answer)
        self._shell.transcript.append(exchange.answer)
        self._drawing.follow(exchange)

    def _remedy(self, message_id: int) -> None:
        """The button below an answer that failed."""
        if self._services.manager.state.phase is Phase.NOTHING:
            self._choose_model()
        elif message_id in self._elsewhere:
            self._spawn(self._ask_elsewhere(message_id, self._elsewhere.pop(message_id)))
        elif self.chat_id is not None:
            self._services.conversations.leave_out_oldest(self.chat_id)
            self._regenerate(message_id)

    async def _ask_elsewhere(self, message_id: int, model: ModelInfo) -> None:
        """Has the answer made by the same model at another provider."""
        try:
            await self._services.manager.load(model.ref)
        except HearthError:
            return  # the banner says it
        self._regenerate(message_id)

    def _finish(self, exchange: Exchange) -> None:
        """The answer has ended: its figures appear, and the composer sends again."""
        ending = exchange.ending
        if ending is None:
            return
        message = replace(
            exchange.answer,
            text=exchange.text,
            reasoning=ending.reasoning,
            model=ending.model or exchange.answer.model,
            state=ending.state,
            note=ending.note,
            reason=ending.reason,
            usage=ending.usage,
        )
        self._branch[-1:] = [message]
        view = self._shell.transcript.view(message.id)
        if isinstance(view, AssistantMessage):
            same_again = isinstance(exchange.error, ContextOverflow | NoModel)
            view.end(message, self._name_remedy(exchange), may_retry=not same_again)
        self._shell.composer.set_running(running=False)
        self._show_context()
        self._spawn(self.list.refresh())

    def _name_remedy(self, exchange: Exchange) -> str:
        nothing = self._services.manager.state.phase is Phase.NOTHING
        if isinstance(exchange.error, NoModel) and nothing:
            return "Choose a model"
        if isinstance(exchange.error, ProviderError) and exchange.error.may_pass:
            return self._offer_elsewhere(exchange)
        questions = sum(message.role is Role.USER for message in self._branch)
        if isinstance(exchange.error, ContextOverflow) and questions > 1:
            return "Leave out the oldest messages"
        return ""

    def _offer_elsewhere(self, exchange: Exchange) -> str:
        """The name of a button that asks another provider with the same model, or ""."""
        ref = self._services.manager.state.ref
        others = self._services.manager.alternatives(ref) if ref else []
        if not others:
            return ""
        self._elsewhere[exchange.answer.id] = others[0]
        cloud = " (cloud)" if others[0].is_cloud else ""
        return f"Ask {others[0].provider or 'this computer'}{cloud} instead"

    def _show_context(self) -> None:
        """How full the context is, by the last answer's figures."""
        loaded = self._services.manager.state.loaded
        usage = next((m.usage for m in reversed(self._branch) if m.usage is not None), None)
        used = usage.prompt_tokens + usage.generated_tokens if usage else 0
        self._shell.header.meter.show_use(used, loaded.context if loaded else 0)

    def model_changed(self) -> None:
        """The meter follows the loaded model, and a waiting answer what happens to it."""
        self._show_context()
        self._drawing.model_changed()

    def _edit(self, message_id: int) -> None:
        message = next((m for m in self._branch if m.id == message_id), None)
        if message is not None and self._drawing.exchange is None:
            if self._editing is None:
                self._aside = self.written
            self._editing = message
            self._shell.composer.set_text(message.text)
            self._shell.edit_bar.show()
            self._shell.composer.editor.setFocus()

    def _cancel_edit(self) -> None:
        if self._editing is not None:
            self._editing = None
            self._shell.edit_bar.hide()
            self._shell.composer.set_text(self._aside)

    def _switch_version(self, message_id: int, step: int) -> None:
        self._spawn(self._show_version(message_id, step))

    async def _show_version(self, message_id: int, step: int) -> None:
        versions = await self._services.store.versions(message_id)
        index = versions.index(message_id) + step
        if 0 <= index < len(versions) and self._drawing.exchange is None:
            await self._services.store.show_version(versions[index])
            await self.show(self.chat_id)

    def _save_draft(self) -> None:
        self._spawn(self._keep_draft())

    async def _keep_draft(self) -> None:
        self._draft.stop()
        text = self._aside if self._editing is not None else self.written
        if self.chat_id is not None:
            await self._services.store.save_draft(self.chat_id, text)
        elif text != self._new_draft:
            self._new_draft = text
            await self._keep_new_draft(text)

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

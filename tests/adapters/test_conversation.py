"""A conversation through the real manager, runner and history."""

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.chats.database import Database
from app.chats.records import State
from app.chats.store import ChatStore
from app.conversation.exchange import Exchange
from app.conversation.journal import Journal
from app.conversation.service import ConversationService
from app.core import Core, default_model, resolve
from app.errors import (
    ContextOverflow,
    ModelFileError,
    NoModel,
    StorageError,
    UnsupportedModel,
)
from app.llm.manager import LLMManager
from app.llm.registry import Registry
from app.llm.state import ModelState, Phase
from app.schema import FinishReason, ModelRef
from app.settings import STARTER
from tests.conftest import PARROT_REPLY


@pytest.fixture
async def store(core: Core) -> AsyncIterator[ChatStore]:
    database = Database(core.paths.database)
    await database.open()
    yield ChatStore(database)
    await database.close()


@pytest.fixture
async def service(core: Core, store: ChatStore) -> AsyncIterator[ConversationService]:
    made = ConversationService(core.manager, store, lambda: core.settings.settings.chat)
    yield made
    await made.aclose()


async def load(core: Core, path: Path) -> None:
    await core.manager.load(await resolve(core, str(path)))


async def finished(exchange: Exchange) -> Exchange:
    assert exchange.task is not None
    await exchange.task
    return exchange


async def test_a_model_is_loaded_when_it_is_first_asked(
    core: Core, service: ConversationService, store: ChatStore, parrot: Path
) -> None:
    states: list[ModelState] = []
    core.manager.subscribe(states.append)
    core.manager.select(ModelRef("local", str(parrot)))
    assert core.manager.state.phase is Phase.IDLE
    exchange = await finished(await service.ask(None, None, "hello"))
    assert exchange.text == PARROT_REPLY
    assert [s.phase for s in states if s.progress is None] == [
        Phase.IDLE,
        Phase.LOADING,
        Phase.READY,
    ]
    stages = {s.progress.stage for s in states if s.progress}
    assert stages == {"checking", "loading"}
    question, answer = await store.messages(exchange.chat_id)
    assert (question.text, answer.text) == ("hello", PARROT_REPLY)
    assert answer.state is State.COMPLETE
    assert answer.usage is not None
    assert answer.usage.generated_tokens > 10
    assert answer.reason is FinishReason.STOP
    assert (await store.chats())[0].title == "Colours"


async def test_a_second_turn_sees_the_first(
    core: Core, service: ConversationService, parrot: Path
) -> None:
    await load(core, parrot)
    first = await finished(await service.ask(None, None, "What colours are there?"))
    second = await finished(await service.ask(first.chat_id, first.answer.id, "And more?"))
    assert second.ending is not None
    assert second.ending.usage is not None
    assert second.ending.usage.cached_tokens > 20
    again = await finished(await service.regenerate(second.question))
    assert again.answer.version == 2


async def test_stop_keeps_what_was_said(
    core: Core, service: ConversationService, store: ChatStore, endless: Path
) -> None:
    await load(core, endless)
    exchange = await service.ask(None, None, "talk")
    while len(exchange.text) < 2000:
        await asyncio.sleep(0.005)
    assert service.running(exchange.chat_id) is exchange
    await service.stop(exchange.chat_id)
    answer = (await store.messages(exchange.chat_id))[1]
    assert answer.text == exchange.text
    assert answer.text.startswith("word0 word1")
    assert answer.state is State.STOPPED
    assert answer.reason is FinishReason.CANCELLED
    assert answer.usage is not None
    assert answer.usage.generated_tokens > 0
    assert answer.usage.tokens_per_second
    assert service.running(exchange.chat_id) is None


async def test_the_journal_follows_closely(
    core: Core, service: ConversationService, store: ChatStore, endless: Path
) -> None:
    await load(core, endless)
    exchange = await service.ask(None, None, "talk")
    while not exchange.text:
        await asyncio.sleep(0.005)
    shown = exchange.text
    for _ in range(200):
        kept = (await store.messages(exchange.chat_id))[1].text
        if kept.startswith(shown):
            break
        await asyncio.sleep(0.005)
    assert kept.startswith(shown)
    assert exchange.text.startswith(kept)


async def test_two_chats_take_turns(
    core: Core, service: ConversationService, endless: Path
) -> None:
    await load(core, endless)
    first = await service.ask(None, None, "one")
    while not first.text:
        await asyncio.sleep(0.005)
    second = await service.ask(None, None, "two")
    while not second.waiting:
        await asyncio.sleep(0.005)
    await service.stop(first.chat_id)
    while not second.text:
        await asyncio.sleep(0.005)
    assert second.waiting == 0
    assert first.ending is not None


async def test_without_a_model_the_question_is_kept_and_the_answer_says_why(
    service: ConversationService, store: ChatStore
) -> None:
    exchange = await finished(await service.ask(None, None, "anyone?"))
    assert isinstance(exchange.error, NoModel)
    question, answer = await store.messages(exchange.chat_id)
    assert question.text == "anyone?"
    assert answer.state is State.FAILED
    assert "Open a GGUF file" in answer.note


async def test_a_chat_that_outgrows_the_context_goes_on_when_it_may_forget(
    core: Core, service: ConversationService, store: ChatStore, tiny: Path
) -> None:
    core.settings.settings.chat.max_tokens = 8
    await load(core, tiny)
    parent, chat = None, None
    for number in range(6):
        exchange = await finished(await service.ask(chat, parent, f"{number} " + "ab " * 40))
        chat, parent = exchange.chat_id, exchange.answer.id
        if exchange.error is not None:
            break
    assert isinstance(exchange.error, ContextOverflow)
    assert exchange.error.context == 512
    service.leave_out_oldest(exchange.chat_id)
    again = await finished(await service.regenerate(exchange.question))
    assert again.error is None
    assert again.ending is not None
    assert "oldest messages of this chat were left out" in again.ending.note
    assert (await store.messages(exchange.chat_id))[0].text.startswith("0 "), "nothing is deleted"


async def test_a_message_that_alone_is_too_long_is_counted(
    core: Core, service: ConversationService, store: ChatStore, tiny: Path
) -> None:
    await load(core, tiny)
    exchange = await finished(await service.ask(None, None, "x" * 2_000_000))
    assert isinstance(exchange.error, ContextOverflow)
    service.leave_out_oldest(exchange.chat_id)
    again = await finished(await service.regenerate(exchange.question))
    assert isinstance(again.error, ContextOverflow)
    assert len((await store.messages(exchange.chat_id))[0].text) == 2_000_000


async def test_a_full_disk_in_the_middle_of_an_answer_loses_nothing(
    core: Core,
    service: ConversationService,
    store: ChatStore,
    endless: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.conversation.journal.RETRY_SECONDS", 0.02)
    await load(core, endless)
    exchange = await service.ask(None, None, "talk")
    problems: list[StorageError | None] = []
    exchange.subscribe(lambda changed: problems.append(changed.problem))

    def limit(connection: sqlite3.Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    database = store._database
    await database.run(lambda c: limit(c, 1))
    while not any(problems):
        await asyncio.sleep(0.01)
    exchange.stop()
    await asyncio.sleep(0.1)
    await database.run(lambda c: limit(c, 1_000_000))
    await finished(exchange)
    # Stopping gives a failing disk two attempts; what is in the journal or the row is whole.
    answer = (await store.messages(exchange.chat_id))[1]
    assert exchange.text.startswith(answer.text)


async def test_the_journal_tries_until_it_succeeds(store: ChatStore) -> None:
    from app.chats.records import Ending

    chat = await store.add_chat()
    _, answer = await store.add_question(chat.id, None, "q", "m")
    problems: list[StorageError | None] = []

    class Failing:
        def __init__(self) -> None:
            self.failures = 3

        async def append(self, *arguments: object) -> None:
            self._fail()
            await store.append(*arguments)  # type: ignore[arg-type]

        async def end(self, *arguments: object) -> None:
            self._fail()
            await store.end(*arguments)  # type: ignore[arg-type]

        def _fail(self) -> None:
            self.failures -= 1
            if self.failures >= 0:
                raise StorageError("full")

    import app.conversation.journal as module

    module_retry, module.RETRY_SECONDS = module.RETRY_SECONDS, 0.01
    try:
        journal = Journal(Failing(), answer.id, problems.append)  # type: ignore[arg-type]
        journal.add("one ")
        journal.add("two")
        await asyncio.sleep(0.4)
        assert (await store.messages(chat.id))[1].text == "one two"
        assert problems[-1] is None
        failing = Failing()
        journal = Journal(failing, answer.id, problems.append)  # type: ignore[arg-type]
        assert not await journal.end("x", Ending(State.COMPLETE), attempts=2)
        assert await journal.end("one two.", Ending(State.COMPLETE))
    finally:
        module.RETRY_SECONDS = module_retry
    assert (await store.messages(chat.id))[1].text == "one two."


async def test_a_file_that_fails_leaves_the_loaded_model_in_place(
    core: Core, parrot: Path, tmp_path: Path
) -> None:
    await load(core, parrot)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    with pytest.raises(ModelFileError):
        await load(core, broken)
    state = core.manager.state
    assert state.phase is Phase.READY
    assert state.loaded is not None
    assert state.loaded.info.name == "Parrot"
    assert isinstance(state.error, ModelFileError)


async def test_a_load_can_be_cancelled_and_repeated(core: Core, slow: Path) -> None:
    task = asyncio.ensure_future(load(core, slow))
    while core.manager.state.progress is None:
        await asyncio.sleep(0.005)
    await core.manager.cancel_load()
    with pytest.raises(NoModel, match="was not loaded"):
        await task
    phases = [core.manager.state.phase]
    await load(core, slow)
    phases.append(core.manager.state.phase)
    await core.manager.unload()
    phases.append(core.manager.state.phase)
    assert phases == [Phase.IDLE, Phase.READY, Phase.IDLE]


async def test_a_newer_load_takes_the_place_of_one_that_runs(
    core: Core, slow: Path, parrot: Path
) -> None:
    first = asyncio.ensure_future(load(core, slow))
    while core.manager.state.progress is None:
        await asyncio.sleep(0.005)
    await load(core, parrot)
    with pytest.raises(NoModel):
        await first
    assert core.manager.state.loaded is not None
    assert core.manager.state.loaded.info.name == "Parrot"


async def test_cancelling_the_caller_cancels_the_load(core: Core, slow: Path) -> None:
    task = asyncio.ensure_future(load(core, slow))
    while core.manager.state.progress is None:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert core.manager.state.phase is Phase.IDLE


async def test_models_are_found_by_path_reference_and_name(
    core: Core, parrot: Path, tmp_path: Path
) -> None:
    odd = core.paths.models / "it's “odd” 🦜 name.gguf"
    odd.write_bytes(parrot.read_bytes())
    (core.paths.models / "broken.gguf").write_bytes(b"GGUFnonsense")
    (core.paths.models / "notes.txt").write_text("not a model")
    listed = await core.manager.models()
    names = [(model.name, model.ref.model) for model in listed if model.ref != core.starter]
    assert names == [("Parrot", str(odd))]
    for text in (str(odd), f"local:{odd}", "parrot", "Parrot", odd.stem):
        assert await resolve(core, text) == ModelRef("local", str(odd))
    with pytest.raises(NoModel, match="no model called “zebra”"):
        await resolve(core, "zebra")
    assert (await default_model(core)).model == str(odd)
    await load(core, odd)
    assert core.manager.state.loaded is not None


async def test_which_model_is_the_default(core: Core, tiny: Path, parrot: Path) -> None:
    assert core.starter is not None
    assert await default_model(core) == core.starter
    with pytest.raises(NoModel, match="no model on this computer"):
        await default_model(
            dataclasses.replace(core, starter=None, manager=LLMManager(Registry({})))
        )
    core.settings.settings.models.opened(str(tiny))
    core.settings.settings.models.opened(str(parrot))
    with pytest.raises(NoModel, match="none is chosen"):
        await default_model(core)
    core.settings.settings.models.selected = f"local:{tiny}"
    assert await default_model(core) == ModelRef("local", str(tiny))
    core.settings.settings.models.default = STARTER  # as the settings' page sets it
    assert await default_model(core) == core.starter


async def test_an_adapter_is_not_a_chat_model(core: Core, tiny: Path, tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "lora.gguf", "llama")
    writer.add_string("general.type", "adapter")
    writer.add_tensor("x", __import__("numpy").zeros(32, "float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UnsupportedModel, match="LoRA"):
        await load(core, tmp_path / "lora.gguf")


async def test_an_unknown_provider_is_a_sentence(core: Core) -> None:
    with pytest.raises(NoModel, match="no provider called “moon”"):
        await core.manager.load(ModelRef("moon", "x"))

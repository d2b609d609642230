"""The history: a real SQLite file, its journal, its trash, and what can be wrong with it."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from app.chats import migrations
from app.chats.database import Database
from app.chats.opening import open_history
from app.chats.records import Ending, State
from app.chats.store import INTERRUPTED_NOTE, TRASH_SECONDS, ChatStore
from app.errors import NewerDatabase, StorageError
from app.schema import FinishReason, Role, Usage

USAGE = Usage(10, 2, 3, 0.1, 0.2, 0.3)
DONE = Ending(State.COMPLETE, FinishReason.STOP, USAGE)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "data" / "hearth.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def store(database: Database) -> ChatStore:
    return ChatStore(database)


async def test_the_file_is_set_up_as_promised(database: Database) -> None:
    def look(connection: sqlite3.Connection) -> dict[str, object]:
        return {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "foreign_keys", "user_version", "synchronous")
        }

    assert await database.run(look) == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "user_version": len(migrations.SCRIPTS),
        "synchronous": 2,
    }


async def test_an_exchange_is_kept(store: ChatStore) -> None:
    chat = await store.add_chat()
    question, answer = await store.add_question(chat.id, None, "Hello?", "Parrot")
    assert (question.role, answer.role) == (Role.USER, Role.ASSISTANT)
    assert answer.state is State.STREAMING
    await store.append(answer.id, 0, "Hel")
    await store.append(answer.id, 1, "lo")
    assert (await store.messages(chat.id))[1].text == "Hello", "the journal is the text so far"
    ended = await store.end(answer.id, "Hello!", DONE)
    assert ended == (await store.messages(chat.id))[1]
    assert (ended.text, ended.usage, ended.reason) == ("Hello!", USAGE, FinishReason.STOP)


async def test_after_a_crash_the_answer_is_there_and_marked(
    store: ChatStore, database: Database
) -> None:
    chat = await store.add_chat()
    _, answer = await store.add_question(chat.id, None, "Tell me", "Parrot")
    for piece, text in enumerate(["Once ", "upon ", "a time 🦜"]):
        await store.append(answer.id, piece, text)
    # Another process opens the file, as after a crash.
    again = Database(database.path)
    await again.open()
    reopened = ChatStore(again)
    assert await reopened.recover() == 1
    message = (await reopened.messages(chat.id))[1]
    assert message.text == "Once upon a time 🦜"
    assert message.state is State.INTERRUPTED
    assert message.note == INTERRUPTED_NOTE
    assert await reopened.recover() == 0
    await again.close()


CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
from app.chats.database import Database
from app.chats.store import ChatStore

async def main():
    database = Database(Path(sys.argv[1]))
    await database.open()
    store = ChatStore(database)
    chat = await store.add_chat()
    _, answer = await store.add_question(chat.id, None, "go", "m")
    for piece in range(10_000):
        await store.append(answer.id, piece, f"{piece} ")
        print(piece, flush=True)

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_that_was_journaled(tmp_path: Path) -> None:
    path = tmp_path / "hearth.db"
    child = subprocess.Popen(
        [sys.executable, "-c", CRASH, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(60)]
    child.kill()
    said += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    database = Database(path)
    await database.open()
    store = ChatStore(database)
    await store.recover()
    text = (await store.messages((await store.chats())[0].id))[1].text
    last = int([line for line in said if line.endswith("\n")][-1])
    assert text.startswith("".join(f"{piece} " for piece in range(last + 1)))
    await database.close()


async def test_versions_hang_under_the_same_question(store: ChatStore) -> None:
    chat = await store.add_chat()
    question, first = await store.add_question(chat.id, None, "Q", "m")
    await store.end(first.id, "one", DONE)
    second = await store.add_answer(chat.id, question.id, "m")
    await store.end(second.id, "two", DONE)
    branch = await store.messages(chat.id)
    assert [m.text for m in branch] == ["Q", "two"]
    assert (branch[1].version, branch[1].versions) == (2, 2)
    assert await store.versions(second.id) == [first.id, second.id]
    follow, below = await store.add_question(chat.id, second.id, "more", "m")
    await store.end(below.id, "end", DONE)
    await store.show_version(first.id)
    assert [m.text for m in await store.messages(chat.id)] == ["Q", "one"]
    await store.show_version(second.id)
    assert [m.id for m in await store.messages(chat.id)] == [
        question.id,
        second.id,
        follow.id,
        below.id,
    ]


async def test_an_edited_first_message_is_a_version_too(store: ChatStore) -> None:
    chat = await store.add_chat()
    _, answer = await store.add_question(chat.id, None, "Q1", "m")
    await store.end(answer.id, "A1", DONE)
    await store.add_question(chat.id, None, "Q2", "m")
    branch = await store.messages(chat.id)
    assert branch[0].text == "Q2"
    assert (branch[0].version, branch[0].versions) == (2, 2)


async def test_an_answer_that_failed_before_a_word_leaves_no_version(store: ChatStore) -> None:
    chat = await store.add_chat()
    question, answer = await store.add_question(chat.id, None, "Q", "m")
    await store.end(answer.id, "", Ending(State.FAILED, FinishReason.ERROR, None, "too long"))
    again = await store.add_answer(chat.id, question.id, "m")
    assert (again.version, again.versions) == (1, 1)


async def test_delete_has_an_undo_and_the_trash_is_emptied_after_a_month(
    store: ChatStore, database: Database
) -> None:
    chats = [await store.add_chat() for _ in range(3)]
    await store.delete([chats[0].id, chats[1].id])
    assert [chat.id for chat in await store.chats()] == [chats[2].id]
    await store.restore([chats[0].id])
    assert {chat.id for chat in await store.chats()} == {chats[0].id, chats[2].id}
    long_ago = time.time() - TRASH_SECONDS - 1
    await database.run(
        lambda c: c.execute("UPDATE chats SET deleted_at = ? WHERE id = ?", (long_ago, chats[1].id))
    )
    await store.recover()
    count = await database.run(lambda c: c.execute("SELECT count(*) FROM chats").fetchone()[0])
    assert count == 2


async def test_a_name_from_a_person_is_never_replaced(store: ChatStore) -> None:
    chat = await store.add_chat()
    await store.rename(chat.id, "Automatic", by_person=False)
    await store.rename(chat.id, "Mine", by_person=True)
    await store.rename(chat.id, "Automatic again", by_person=False)
    kept = (await store.chats())[0]
    assert (kept.title, kept.named_by_person) == ("Mine", True)


async def test_drafts_are_kept_until_they_are_sent(store: ChatStore) -> None:
    chat = await store.add_chat()
    await store.save_draft(chat.id, "half a thought")
    assert (await store.chats())[0].draft == "half a thought"
    await store.add_question(chat.id, None, "a whole thought", "m")
    assert (await store.chats())[0].draft == ""


async def test_the_search_table_follows_the_messages(store: ChatStore, database: Database) -> None:
    chat = await store.add_chat()
    _, answer = await store.add_question(chat.id, None, "Où est le café?", "m")
    await store.end(answer.id, "Around the corner", DONE)

    def search(connection: sqlite3.Connection, words: str) -> int:
        query = "SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?"
        return int(connection.execute(query, (words,)).fetchone()[0])

    assert await database.run(lambda c: search(c, "cafe")) == 1
    assert await database.run(lambda c: search(c, "corner")) == 1
    await store.end(answer.id, "Across the street", DONE)
    assert await database.run(lambda c: search(c, "corner")) == 0
    await database.run(lambda c: c.execute("DELETE FROM chats"))
    assert await database.run(lambda c: search(c, "cafe")) == 0
    assert (
        await database.run(lambda c: c.execute("SELECT count(*) FROM journal").fetchone()[0]) == 0
    )


async def test_a_transaction_that_fails_changes_nothing(
    store: ChatStore, database: Database
) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO chats (created_at, updated_at) VALUES (1, 1)")
        connection.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StorageError):
        await database.run(half)
    assert await store.chats() == []


async def test_a_full_disk_is_a_sentence_and_the_rest_is_safe(
    store: ChatStore, database: Database
) -> None:
    chat = await store.add_chat()
    _, answer = await store.add_question(chat.id, None, "kept", "m")
    pages = await database.run(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await database.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(StorageError, match="disk is full") as caught:
        await store.append(answer.id, 0, "x" * 1_000_000)
    assert "tries again" in caught.value.remedy
    assert (await store.messages(chat.id))[0].text == "kept"
    await database.run(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    await store.append(answer.id, 0, "x" * 1_000_000)


async def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "hearth.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerDatabase, match="newer Hearth"):
        await Database(path).open()
    database, problem = await open_history(path)
    assert isinstance(problem, NewerDatabase)
    assert "--home" in problem.remedy
    assert await ChatStore(database).chats() == []
    await ChatStore(database).add_chat()
    await database.close()
    assert path.read_bytes() == before


async def test_a_damaged_file_is_kept_and_the_program_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "hearth.db"
    path.write_bytes(b"this is no database " * 100)
    database, problem = await open_history(path)
    assert problem is not None
    assert "damaged" in problem.message
    await ChatStore(database).add_chat()
    await database.close()
    assert path.read_bytes().startswith(b"this is no database")


async def test_chats_that_may_only_be_read_can_still_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hearth.db"
    first = Database(path)
    await first.open()
    chat = await ChatStore(first).add_chat()
    await ChatStore(first).rename(chat.id, "Precious", by_person=True)
    await first.run(lambda c: c.execute("SELECT 1"))
    await first.close()

    class ReadOnly(Database):
        def _open(self) -> None:
            if self.path is not None:
                raise sqlite3.OperationalError("attempt to write a readonly database")
            super()._open()

    monkeypatch.setattr("app.chats.opening.Database", ReadOnly)
    database, problem = await open_history(path)
    assert problem is not None
    assert "cannot write" in problem.message
    store = ChatStore(database)
    assert [c.title for c in await store.chats()] == ["Precious"]
    await store.add_chat()
    await database.close()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    database, problem = await open_history(tmp_path / "file" / "hearth.db")
    assert problem is not None
    assert problem.remedy
    await database.close()


async def test_an_older_file_is_copied_before_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hearth.db"
    first = Database(path)
    await first.open()
    await ChatStore(first).add_chat()
    await first.close()
    before = len(migrations.SCRIPTS)
    step = "ALTER TABLE chats ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"
    monkeypatch.setattr(migrations, "SCRIPTS", (*migrations.SCRIPTS, step))
    second = Database(path)
    await second.open()
    colour = await second.run(lambda c: c.execute("SELECT colour FROM chats").fetchone()[0])
    assert colour == "red"
    await second.close()
    backup = sqlite3.connect(tmp_path / f"hearth.db.v{before}.bak")
    assert backup.execute("SELECT count(*) FROM chats").fetchone()[0] == 1
    backup.close()


async def test_a_history_of_the_first_release_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hearth.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{migrations.SCRIPTS[0]}; PRAGMA user_version = 1;")
        old.execute("INSERT INTO chats (id, created_at, updated_at) VALUES (1, 0, 0)")
        old.execute(
            "INSERT INTO messages (id, chat_id, role, state, text, created_at) "
            "VALUES (1, 1, 'user', 'complete', 'Hello', 0)"
        )
        old.execute("UPDATE chats SET head_id = 1")
        old.commit()
    database = Database(path)
    await database.open()
    store = ChatStore(database)
    messages = await store.messages(1)
    assert [(message.text, message.reasoning) for message in messages] == [("Hello", "")]
    _, answer = await store.add_question(1, 1, "Why?", "fake")
    await store.end(answer.id, "So.", Ending(State.COMPLETE, reasoning="Let me see.", model="b"))
    kept = (await store.messages(1))[-1]
    assert (kept.text, kept.reasoning, kept.model) == ("So.", "Let me see.", "b")
    await database.close()


async def test_two_processes_can_write(store: ChatStore, database: Database) -> None:
    other = Database(database.path)
    await other.open()
    await asyncio.gather(*(ChatStore(db).add_chat() for db in (database, other) for _ in range(20)))
    assert len(await store.chats()) == 40
    await other.close()


async def test_a_closed_history_says_so(tmp_path: Path) -> None:
    database = Database(None)
    await database.open()
    await database.close()
    with pytest.raises((StorageError, RuntimeError)):
        await ChatStore(database).chats()

"""Chats and messages in the database: what is written is committed before a call returns."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict

from app.chats.database import Database
from app.chats.records import Chat, Ending, State, StoredMessage
from app.schema import FinishReason, Role, Usage

TRASH_SECONDS = 30 * 24 * 3600.0
INTERRUPTED_NOTE = "Hearth ended while this was being written."


class ChatStore:
    """The history. Every method raises StorageError where the file fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recover(self) -> int:
        """Ends the answers that a crash left open; returns how many. For the lock's holder only."""

        def work(connection: sqlite3.Connection) -> int:
            open_answers = connection.execute(
                "SELECT id FROM messages WHERE state = 'streaming'"
            ).fetchall()
            for row in open_answers:
                _end(connection, row["id"], Ending(State.INTERRUPTED, note=INTERRUPTED_NOTE))
            connection.execute(
                "DELETE FROM chats WHERE deleted_at < ?", (time.time() - TRASH_SECONDS,)
            )
            return len(open_answers)

        return await self._database.run(work)

    async def chats(self) -> list[Chat]:
        """All chats but the deleted ones, the latest first."""

        def work(connection: sqlite3.Connection) -> list[Chat]:
            rows = connection.execute(
                "SELECT * FROM chats WHERE deleted_at IS NULL ORDER BY updated_at DESC, id DESC"
            )
            return [_chat(row) for row in rows]

        return await self._database.run(work)

    async def messages(self, chat_id: int) -> list[StoredMessage]:
        """The chat's present branch, from its first message to its last."""

        def work(connection: sqlite3.Connection) -> list[StoredMessage]:
            rows = connection.execute(
                """
                WITH RECURSIVE branch (id, depth) AS (
                    SELECT head_id, 0 FROM chats WHERE id = ? AND head_id IS NOT NULL
                    UNION ALL
                    SELECT parent_id, depth + 1 FROM messages JOIN branch USING (id)
                    WHERE parent_id IS NOT NULL
                )
                SELECT messages.*,
                    (SELECT count(*) FROM messages AS other WHERE other.chat_id = messages.chat_id
                        AND other.parent_id IS messages.parent_id) AS versions,
                    (SELECT count(*) FROM messages AS other WHERE other.chat_id = messages.chat_id
                        AND other.parent_id IS messages.parent_id
                        AND other.id <= messages.id) AS version
                FROM branch JOIN messages USING (id) ORDER BY depth DESC
                """,
                (chat_id,),
            )
            return [_message(connection, row) for row in rows]

        return await self._database.run(work)

    async def add_chat(self) -> Chat:
        """A new chat without messages."""

        def work(connection: sqlite3.Connection) -> Chat:
            now = time.time()
            chat_id = connection.execute(
                "INSERT INTO chats (created_at, updated_at) VALUES (?, ?)", (now, now)
            ).lastrowid
            return _load_chat(connection, chat_id)

        return await self._database.run(work)

    async def add_question(
        self, chat_id: int, parent_id: int | None, text: str, model: str
    ) -> tuple[StoredMessage, StoredMessage]:
        """A person's message and the empty answer under it; the chat's draft is cleared."""

        def work(connection: sqlite3.Connection) -> tuple[StoredMessage, StoredMessage]:
            question = _add(connection, chat_id, parent_id, Role.USER, text, State.COMPLETE, "")
            answer = _add(connection, chat_id, question, Role.ASSISTANT, "", State.STREAMING, model)
            connection.execute("UPDATE chats SET draft = '' WHERE id = ?", (chat_id,))
            return _load_message(connection, question), _load_message(connection, answer)

        return await self._database.run(work)

    async def add_answer(self, chat_id: int, parent_id: int, model: str) -> StoredMessage:
        """Another, still empty answer to a message.

        The earlier ones stay as versions, except those that failed before they said anything.
        """

        def work(connection: sqlite3.Connection) -> StoredMessage:
            connection.execute(
                "DELETE FROM messages WHERE parent_id = ? AND role = 'assistant' AND text = '' "
                "AND state NOT IN ('streaming', 'complete')",
                (parent_id,),
            )
            answer = _add(
                connection, chat_id, parent_id, Role.ASSISTANT, "", State.STREAMING, model
            )
            return _load_message(connection, answer)

        return await self._database.run(work)

    async def append(self, message_id: int, piece: int, text: str) -> None:
        """Journals the next piece of an answer that is being written."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO journal (message_id, piece, text) VALUES (?, ?, ?)",
                (message_id, piece, text),
            )

        await self._database.run(work)

    async def end(self, message_id: int, text: str, ending: Ending) -> StoredMessage:
        """Writes an answer's whole text and how it ended, in place of its journal."""

        def work(connection: sqlite3.Connection) -> StoredMessage:
            _end(connection, message_id, ending, text)
            return _load_message(connection, message_id)

        return await self._database.run(work)

    async def show_version(self, message_id: int) -> None:
        """Makes a message, and the latest below it, the chat's present branch."""

        def work(connection: sqlite3.Connection) -> None:
            head = message_id
            while True:
                below = connection.execute(
                    "SELECT max(id) AS id FROM messages WHERE parent_id = ?", (head,)
                ).fetchone()["id"]
                if below is None:
                    break
                head = below
            connection.execute(
                "UPDATE chats SET head_id = ? "
                "WHERE id = (SELECT chat_id FROM messages WHERE id = ?)",
                (head, message_id),
            )

        await self._database.run(work)

    async def versions(self, message_id: int) -> list[int]:
        """The ids of a message and its siblings, oldest first."""

        def work(connection: sqlite3.Connection) -> list[int]:
            rows = connection.execute(
                "SELECT other.id FROM messages JOIN messages AS other "
                "ON other.chat_id = messages.chat_id AND other.parent_id IS messages.parent_id "
                "WHERE messages.id = ? ORDER BY other.id",
                (message_id,),
            )
            return [row["id"] for row in rows]

        return await self._database.run(work)

    async def rename(self, chat_id: int, title: str, *, by_person: bool) -> None:
        """Sets a chat's title; one that the person gave is never replaced by an automatic one."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE chats SET title = ?, titled_by = ? "
                "WHERE id = ? AND (? OR titled_by <> 'person')",
                (title, "person" if by_person else "hearth", chat_id, by_person),
            )

        await self._database.run(work)

    async def save_draft(self, chat_id: int, draft: str) -> None:
        """Keeps what stands in the composer and was not sent yet."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE chats SET draft = ? WHERE id = ?", (draft, chat_id))

        await self._database.run(work)

    async def delete(self, chat_ids: Sequence[int]) -> None:
        """Puts chats into the trash, where they stay for 30 days."""
        await self._set_deleted(chat_ids, time.time())

    async def restore(self, chat_ids: Sequence[int]) -> None:
        """Takes chats out of the trash."""
        await self._set_deleted(chat_ids, None)

    async def _set_deleted(self, chat_ids: Sequence[int], when: float | None) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE chats SET deleted_at = ? WHERE id = ?",
                [(when, chat_id) for chat_id in chat_ids],
            )

        await self._database.run(work)


def _add(
    connection: sqlite3.Connection,
    chat_id: int,
    parent_id: int | None,
    role: Role,
    text: str,
    state: State,
    model: str,
) -> int:
    """Inserts a message and makes it the end of the chat's present branch; returns its id."""
    now = time.time()
    message_id = connection.execute(
        "INSERT INTO messages (chat_id, parent_id, role, text, state, model, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (chat_id, parent_id, role, text, state, model, now),
    ).lastrowid
    assert message_id is not None  # noqa: S101 - a row was inserted
    connection.execute(
        "UPDATE chats SET head_id = ?, updated_at = ? WHERE id = ?", (message_id, now, chat_id)
    )
    return message_id


def _end(
    connection: sqlite3.Connection, message_id: int, ending: Ending, text: str | None = None
) -> None:
    """Closes an answer; without `text`, what was journaled becomes its text."""
    if text is None:
        text = _journaled(connection, message_id)
    usage = {**asdict(ending.usage)} if ending.usage else {}
    if ending.reason:
        usage["reason"] = str(ending.reason)
    connection.execute(
        "UPDATE messages SET text = ?, state = ?, note = ?, usage = ?, reasoning = ?, "
        "model = iif(?6 = '', model, ?6) WHERE id = ?7",
        (
            text,
            ending.state,
            ending.note,
            json.dumps(usage) if usage else "",
            ending.reasoning,
            ending.model,
            message_id,
        ),
    )
    connection.execute("DELETE FROM journal WHERE message_id = ?", (message_id,))


def _journaled(connection: sqlite3.Connection, message_id: int) -> str:
    rows = connection.execute(
        "SELECT text FROM journal WHERE message_id = ? ORDER BY piece", (message_id,)
    )
    return "".join(row["text"] for row in rows)


def _load_chat(connection: sqlite3.Connection, chat_id: int | None) -> Chat:
    return _chat(connection.execute("SELECT * FROM chats WHERE id = ?", (chat_id,)).fetchone())


def _chat(row: sqlite3.Row) -> Chat:
    return Chat(
        row["id"], row["title"], row["draft"], row["updated_at"], row["titled_by"] == "person"
    )


def _load_message(connection: sqlite3.Connection, message_id: int) -> StoredMessage:
    row = connection.execute(
        "SELECT *, (SELECT count(*) FROM messages AS other WHERE other.chat_id = messages.chat_id "
        "AND other.parent_id IS messages.parent_id) AS versions, "
        "(SELECT count(*) FROM messages AS other WHERE other.chat_id = messages.chat_id "
        "AND other.parent_id IS messages.parent_id AND other.id <= messages.id) AS version "
        "FROM messages WHERE id = ?",
        (message_id,),
    ).fetchone()
    return _message(connection, row)


def _message(connection: sqlite3.Connection, row: sqlite3.Row) -> StoredMessage:
    usage = json.loads(row["usage"]) if row["usage"] else {}
    reason = usage.pop("reason", None)
    state = State(row["state"])
    return StoredMessage(
        id=row["id"],
        chat_id=row["chat_id"],
        parent_id=row["parent_id"],
        role=Role(row["role"]),
        text=_journaled(connection, row["id"]) if state is State.STREAMING else row["text"],
        state=state,
        created_at=row["created_at"],
        model=row["model"],
        note=row["note"],
        reasoning=row["reasoning"],
        reason=FinishReason(reason) if reason else None,
        usage=Usage(**usage) if usage else None,
        version=row["version"],
        versions=row["versions"],
    )

"""Chats, their messages as a tree, the journal of running answers, and full-text search."""

SCRIPT = """
CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL DEFAULT '',
    titled_by TEXT NOT NULL DEFAULT 'nobody' CHECK (titled_by IN ('nobody', 'hearth', 'person')),
    draft TEXT NOT NULL DEFAULT '',
    head_id INTEGER REFERENCES messages (id) ON DELETE SET NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    deleted_at REAL
) STRICT;

-- A message hangs under the one that it answers; siblings are versions of each other.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    parent_id INTEGER REFERENCES messages (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    state TEXT NOT NULL
        CHECK (state IN ('complete', 'streaming', 'stopped', 'interrupted', 'failed')),
    text TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    usage TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL
) STRICT;
CREATE INDEX messages_of_chat ON messages (chat_id, parent_id);

-- The pieces of an answer that is still being written. They become its text when it ends.
CREATE TABLE journal (
    message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    piece INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (message_id, piece)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE messages_fts USING fts5 (
    text, content='messages', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER messages_fts_update AFTER UPDATE OF text ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text);
END;
"""

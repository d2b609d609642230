"""The numbered steps from an empty file to the present schema.

A step that was released is never changed; the schema changes by adding the next one.
"""

from app.chats.migrations import m001_chats, m002_reasoning

SCRIPTS: tuple[str, ...] = (m001_chats.SCRIPT, m002_reasoning.SCRIPT)

"""The chat history: SQLite, journaled, never lost."""

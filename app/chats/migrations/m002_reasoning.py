"""What a model thought before it answered."""

SCRIPT = """
ALTER TABLE messages ADD COLUMN reasoning TEXT NOT NULL DEFAULT '';
"""

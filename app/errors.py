"""What can go wrong, as one tree. Every leaf holds a sentence that a person can act on.

HearthError
├── UsageError             the command line was not understood
├── AlreadyRunning         another Hearth holds this data folder
├── StorageError           chats or settings cannot be read or written
│   └── NewerDatabase      they were written by a newer Hearth
├── ModelError
│   ├── ModelFileError     the file is missing, damaged or not a model
│   ├── UnsupportedModel   the file is sound, but not something that can chat here
│   ├── ModelTooLarge      it does not fit into this computer's memory
│   └── ModelLoadError     llama.cpp refused it
└── GenerationError
    ├── NoModel            nothing is chosen yet
    ├── ContextOverflow    the prompt is longer than the context
    ├── QueueFull          too many requests wait already
    └── TemplateError      the model's chat template failed (a fallback takes over)
"""

from __future__ import annotations


class HearthError(Exception):
    """A known problem: what happened, what mends it, and technical details for a report."""

    def __init__(self, message: str, remedy: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        """The message and its remedy in one line."""
        return f"{self.message} {self.remedy}".strip()


class UsageError(HearthError):
    """The command line was not understood."""


class AlreadyRunning(HearthError):
    """Another Hearth holds this data folder."""


class StorageError(HearthError):
    """Chats or settings cannot be read or written."""


class NewerDatabase(StorageError):
    """The history was written by a newer Hearth."""


class ModelError(HearthError):
    """A model cannot be used."""


class ModelFileError(ModelError):
    """The file is missing, damaged or not a model."""


class UnsupportedModel(ModelError):
    """The file is sound, but it is not something that can chat here."""


class ModelTooLarge(ModelError):
    """The model does not fit into this computer's memory."""


class ModelLoadError(ModelError):
    """llama.cpp refused the model or failed while it was read."""


class GenerationError(HearthError):
    """An answer could not be made."""


class NoModel(GenerationError):
    """No model is chosen yet."""


class ContextOverflow(GenerationError):
    """The prompt is longer than the context; both are counted in tokens."""

    def __init__(self, prompt_tokens: int, context: int) -> None:
        super().__init__(
            f"This needs {prompt_tokens:,} tokens, and the context holds {context:,}.",
            "Shorten the message; in a long chat, leave out the oldest ones or start a new chat.",
        )
        self.prompt_tokens = prompt_tokens
        self.context = context


class QueueFull(GenerationError):
    """Too many requests wait for the model already."""


class TemplateError(GenerationError):
    """The model's chat template failed; the fallback takes over."""

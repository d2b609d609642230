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
├── GenerationError
│   ├── NoModel            nothing is chosen yet
│   ├── ContextOverflow    the prompt is longer than the context
│   ├── QueueFull          too many requests wait already
│   └── TemplateError      the model's chat template failed (a fallback takes over)
└── ProviderError          a server did not do what was asked (which one: `provider`)
    ├── Unreachable        no connection came about
    ├── TimedOut           it took too long, or fell silent
    ├── StreamCut          the answer ended in the middle
    ├── BadReply           what it sent cannot be read
    ├── Misconfigured      the address, the key or a setting is wrong
    ├── ModelMissing       it has no such model
    ├── Unsupported        it cannot do this
    ├── OutOfMemory        its computer has too little memory for this
    ├── RateLimited        it wants a pause (`retry_after`)
    └── ApiError           it answered with any other error
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


PASSING = (408, 409, 425, 500, 502, 503, 504, 529)  # HTTP statuses of the moment


class ProviderError(HearthError):
    """A server did not do what was asked.

    `provider` is its name, `status` the HTTP status where there was one, `code` the server's own
    name of the error, `retry_after` the pause in seconds that it asked for.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        details: str = "",
        *,
        provider: str = "",
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, remedy, details)
        self.provider = provider
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def may_pass(self) -> bool:
        """Whether the same request can succeed a little later."""
        return self.status in PASSING


class Unreachable(ProviderError):
    """No connection to the server came about."""

    @property
    def may_pass(self) -> bool:
        """It can: networks and servers come back."""
        return True


class TimedOut(ProviderError):
    """The server took too long, or fell silent in the middle."""

    @property
    def may_pass(self) -> bool:
        """It can: networks and servers come back."""
        return True


class StreamCut(ProviderError):
    """The answer ended before the server said that it was complete."""

    @property
    def may_pass(self) -> bool:
        """It can: networks and servers come back."""
        return True


class BadReply(ProviderError):
    """What the server sent cannot be read."""


class Misconfigured(ProviderError):
    """The address, the key or another setting of the provider is wrong."""


class ModelMissing(ProviderError):
    """The server has no model of that name."""


class Unsupported(ProviderError):
    """The server or the model cannot do this."""


class OutOfMemory(ProviderError):
    """The server's computer has too little memory for this."""


class RateLimited(ProviderError):
    """The server wants a pause before it answers again."""

    @property
    def may_pass(self) -> bool:
        """It can: networks and servers come back."""
        return True


class ApiError(ProviderError):
    """The server answered with an error of another kind."""

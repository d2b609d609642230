"""The nouns of the library: models on this disk, what the Hub offers, and what is being fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.llm.optimizer.needs import Needs


class Kind(StrEnum):
    """What a GGUF file is for."""

    CHAT = "chat"
    EMBEDDING = "embedding"  # turns texts into vectors
    ADAPTER = "adapter"  # LoRA: changes another model
    PROJECTOR = "projector"  # mmproj: lets another model see or hear
    VOCABULARY = "vocabulary"  # a tokenizer without weights
    OTHER = "other"  # such as an importance matrix


class Presence(StrEnum):
    """Whether a model can be used now."""

    HERE = "here"
    AWAY = "away"  # its drive or folder is not there now
    INCOMPLETE = "incomplete"  # parts of a split model are missing
    DAMAGED = "damaged"  # the file cannot be read; `problem` says why


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file was fetched from, as the Hub names it; the hash is of its content then."""

    repo: str
    file: str  # its path inside the repository
    revision: str  # the commit
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class LibraryModel:
    """One model on this disk: a file, or the parts of a split one together."""

    path: Path  # of the file, or of the first part
    files: tuple[Path, ...]  # all parts, in their order
    name: str
    kind: Kind
    size: int = 0  # bytes of all parts
    architecture: str = ""
    parameters: int = 0
    quantisation: str = ""
    trained_context: int = 0  # tokens; 0 is not known
    licence: str = ""
    description: str = ""
    # Of: template, tools, thinking, vision, hearing, embedding.
    features: frozenset[str] = frozenset()
    program: str = ""  # whose model it is, such as Ollama; "" for the person's or Hearth's own
    presence: Presence = Presence.HERE
    problem: str = ""  # why it cannot be used, in a sentence
    projector: Path | None = None  # that belongs to it
    source: Source | None = None
    last_used: datetime | None = None
    modified: float = 0.0  # of the newest part, seconds since the epoch
    is_shipped: bool = False  # with Hearth
    other_names: tuple[str, ...] = ()  # that its program has for the same file
    taken: Needs | None = None  # when it is loaded, beside the bytes of its files; None: not known

    @property
    def is_foreign(self) -> bool:
        """Whether another program keeps the file: Hearth never changes it unasked."""
        return bool(self.program)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.path.parent


@dataclass(frozen=True, slots=True)
class StoreProblem:
    """A place with models that could not be looked into, and why."""

    program: str
    folder: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The library as it was when the disk was last looked at."""

    models: tuple[LibraryModel, ...] = ()
    problems: tuple[StoreProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Files with the same content; all but one could go."""

    sha256: str
    size: int  # bytes of each
    files: tuple[Path, ...]
    could_be_freed: int  # bytes, while one of them stays; links and second names free none


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A repository of the Hub, as a search lists it."""

    id: str  # owner/name
    downloads: int = 0  # in the last 30 days
    likes: int = 0
    updated: datetime | None = None
    is_gated: bool = False  # its terms must be accepted on its page first
    licence: str = ""
    architecture: str = ""
    parameters: int = 0
    trained_context: int = 0
    is_vision: bool = False
    is_embedding: bool = False


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    path: str
    size: int  # bytes
    sha256: str = ""  # of the content, where the Hub keeps it as a large file
    git_name: str = ""  # of the content, as git names it, where the Hub keeps it as a small one

    @property
    def content(self) -> str:
        """What tells the content from any other; "" where the Hub says nothing of it."""
        return self.sha256 or self.git_name


@dataclass(frozen=True, slots=True)
class HubModel:
    """What can be fetched as one model: a file, or all parts of a split one."""

    repo: str
    revision: str  # the commit
    name: str  # the file's name without its ending and its number
    files: tuple[HubFile, ...]
    quantisation: str = ""
    kind: Kind = Kind.CHAT

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(file.size for file in self.files)


class Stage(StrEnum):
    """Where a download stands."""

    WAITING = "waiting"  # for those before it
    FETCHING = "fetching"
    STALLED = "stalled"  # the network or the server is away; it is tried again
    CHECKING = "checking"  # the hash of what has come
    PAUSED = "paused"
    FAILED = "failed"  # it needs the person: `message` says why
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Download:
    """One model on its way, as the window shows it."""

    id: str
    model: HubModel
    folder: Path  # where it will lie
    stage: Stage
    done: int = 0  # bytes that have come, of all files; while it is checked, those checked
    speed: float = 0.0  # bytes per second, over the last seconds
    message: str = ""  # what it waits for, or why it failed
    remedy: str = ""
    added: datetime | None = None
    details: str = field(default="", repr=False)
    files: tuple[Path, ...] = ()  # where they lie, once it is done

    @property
    def total(self) -> int:
        """Bytes."""
        return self.model.size

    @property
    def seconds_left(self) -> float | None:
        """An estimate, or None where nothing comes now."""
        if self.stage is not Stage.FETCHING or self.speed <= 0:
            return None
        return max(0, self.total - self.done) / self.speed

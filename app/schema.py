"""The nouns of the program, as frozen values that pass between its layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # the model ended its turn, or a stop string was met
    LENGTH = "length"  # the limit of new tokens was reached
    CONTEXT = "context"  # the context is full
    CANCELLED = "cancelled"  # the person pressed Stop
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The name of a model, the same everywhere: `provider:model`."""

    provider: str
    model: str

    def __str__(self) -> str:
        """The reference as it is written on the command line."""
        return f"{self.provider}:{self.model}"

    @classmethod
    def parse(cls, text: str) -> ModelRef | None:
        """The reference in `text`, or None where it is not of that form."""
        provider, colon, model = text.partition(":")
        return cls(provider, model) if colon and provider and model else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One configured place that models live in; the local one has no address."""

    name: str  # the provider's part of a model reference
    kind: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A model server that runs on this computer."""

    name: str  # of the program, such as Ollama
    url: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; the defaults are llama.cpp's own (common/common.h)."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    seed: int | None = None  # None: a new one each time
    max_tokens: int | None = None  # None: until the model ends or the context is full
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model: a conversation, or with `raw` a text to be continued as it is."""

    messages: tuple[Message, ...] = ()
    raw: str | None = None
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost: counts in tokens, times in seconds."""

    prompt_tokens: int
    cached_tokens: int  # of the prompt, those that were still in the KV cache
    generated_tokens: int
    prompt_seconds: float
    first_token_seconds: float
    generation_seconds: float

    @property
    def tokens_per_second(self) -> float | None:
        """The rate of generation after the first token, or None where too little was made."""
        if self.generated_tokens < 2 or self.generation_seconds <= 0:
            return None
        return (self.generated_tokens - 1) / self.generation_seconds


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """How much of the prompt has been processed, in tokens."""

    done: int
    total: int
    cached: int = 0  # of `done`, those that were still in the KV cache


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a stream."""

    reason: FinishReason
    usage: Usage


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a stream: text with the number of its tokens, or one of the others."""

    text: str = ""
    tokens: int = 0
    progress: PromptProgress | None = None
    waiting: int | None = None  # requests ahead of this one in the queue
    notice: str = ""  # something the person should know, such as a fallback template
    finish: Finish | None = None


class LoadStage(StrEnum):
    """The steps of loading a model."""

    CHECKING = "checking"  # a child process tries a file that was never seen before
    LOADING = "loading"


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load has come; `fraction` runs from 0 to 1 within its stage."""

    stage: LoadStage
    fraction: float


@dataclass(frozen=True, slots=True)
class Hardware:
    """Facts about this computer; memory in bytes."""

    physical_cores: int  # that this process may use: affinity mask and cgroup quota are honoured
    total_memory: int
    available_memory: int


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a model is to be loaded; everything here is fixed until the next load."""

    path: str
    n_ctx: int
    n_threads: int
    n_threads_batch: int
    n_batch: int = 2048
    n_ubatch: int = 512
    n_gpu_layers: int = -1  # all of them, where llama.cpp was built with a GPU back end
    flash_attention: bool = True
    use_mmap: bool = True
    extra_buffers: bool = True  # weights repacked for AMX and the like


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model without loading it."""

    ref: ModelRef
    name: str
    size: int = 0  # bytes
    quantisation: str = ""
    architecture: str = ""
    parameters: int = 0
    trained_context: int = 0
    description: str = ""  # what its file says of its purpose

    @property
    def title(self) -> str:
        """The name, or the description where that begins with the name and says more."""
        return self.description if self.description.startswith(f"{self.name}: ") else self.name


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to answer."""

    info: ModelInfo
    context: int  # tokens
    threads: int
    device: str = "CPU"
    notice: str = ""  # for instance that its chat template is missing

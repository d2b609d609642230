"""Models: their names, what is known of them, and those that are ready to answer."""

from __future__ import annotations

from dataclasses import dataclass

from app.schema.loading import Adapter, LoadPlan


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
    provider: str = ""  # the title of the server that has it; "" for a file on this disk
    features: frozenset[str] = frozenset()  # of: chat, embedding, vision, tools, thinking
    is_loaded: bool = False  # by its server
    is_cloud: bool = False  # it runs on somebody else's computer
    is_stale: bool = False  # its provider does not answer now; this is what it said before

    @property
    def title(self) -> str:
        """The name, or the description where that begins with the name and says more."""
        return self.description if self.description.startswith(f"{self.name}: ") else self.name


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that llama.cpp has loaded, in its own words and figures, all files together."""

    description: str  # family, size and quantisation, such as `llama 1B Q8_0`
    size: int  # bytes
    parameters: int


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to answer."""

    info: ModelInfo
    context: int  # tokens
    threads: int  # of this process; 0 where it runs elsewhere
    device: str = "CPU"
    notice: str = ""  # for instance that its chat template is missing
    adapters: tuple[Adapter, ...] = ()  # that were loaded with it
    plan: LoadPlan | None = None  # of a model in this process
    memory: int = 0  # bytes that the plan takes by its estimate, on all devices
    weights: Weights | None = None  # of a model in this process

    @property
    def is_here(self) -> bool:
        """Whether it runs in this process, whose memory can be given back."""
        return self.threads > 0


@dataclass(frozen=True, slots=True)
class RunningModel:
    """A model that a server holds in memory; sizes in bytes, the context in tokens."""

    model: str
    size: int = 0
    gpu_size: int = 0
    context: int = 0
    instance: str = ""  # the server's own name of the loaded copy

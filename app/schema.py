"""The nouns of the program, as frozen values that pass between its layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
    TOOLS = "tools"  # the model wants a tool to be called
    FILTER = "filter"  # the provider withheld the rest
    CANCELLED = "cancelled"  # the person pressed Stop
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message."""

    data: bytes
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants to be called; `arguments` is JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()


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
    title: str = ""  # as a person reads it; none stands for the kind's own
    key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    models: tuple[str, ...] = ()  # in place of the server's own list
    verify: bool = True  # TLS certificates
    ca_file: str = ""
    proxy: str = ""
    connect_seconds: float = 5.0
    reply_seconds: float = 30.0  # for an answer that is no stream
    silence_seconds: float = 300.0  # between two pieces of a stream
    context: int = 0  # tokens to ask for, where the server lets the client choose; 0: its own
    device: str = ""  # of a model in this process, such as cpu or cuda:1; none: the best there is
    default_model: str = ""  # the one that is meant where only the provider is named
    is_enabled: bool = True  # else it is kept, and neither used nor found again


@dataclass(frozen=True, slots=True)
class ProviderKind:
    """A kind of provider: its name for people, its usual address, whose computers it runs on."""

    kind: str
    title: str
    url: str = ""
    is_cloud: bool = False
    needs_key: bool = False
    needs_url: bool = True  # else its models are in this process, by their names
    missing: str = ""  # what must be installed first, in words


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A model server that runs on this computer."""

    name: str  # of the program, such as Ollama
    url: str
    kind: str = ""  # of the provider that speaks with it
    version: str = ""
    needs_key: bool = False


@dataclass(frozen=True, slots=True)
class InstalledServer:
    """A server's program that is installed on this computer, whether it runs or not."""

    kind: str  # as in FoundServer
    name: str
    path: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, anew for each request; LoadPlan has what a load fixes.

    The defaults are llama.cpp's own (common/common.h).
    """

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
    tools: tuple[Mapping[str, Any], ...] = ()  # as in OpenAI's chat API, passed through
    schema: Mapping[str, Any] | None = None  # a JSON Schema that the answer must follow
    think: bool | str | None = None  # on, off or an effort; None: as the model does by itself


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost: counts in tokens, times in seconds."""

    prompt_tokens: int
    cached_tokens: int  # of the prompt, those that were still in the KV cache
    generated_tokens: int
    prompt_seconds: float
    first_token_seconds: float
    generation_seconds: float
    is_estimate: bool = False  # counted or timed here, because the server did not say

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
class TokenCount:
    """How long a prompt is; `method` names the estimate, and is "" for the model's tokenizer."""

    tokens: int
    method: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """How a provider answers: whether it can be used, and in words what it is or lacks."""

    works: bool
    version: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far the fetching of a model has come, in bytes; `total` 0 is not known yet."""

    status: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class RunningModel:
    """A model that a server holds in memory; sizes in bytes, the context in tokens."""

    model: str
    size: int = 0
    gpu_size: int = 0
    context: int = 0
    instance: str = ""  # the server's own name of the loaded copy


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a stream."""

    reason: FinishReason
    usage: Usage
    model: ModelRef | None = None  # which one answered; the manager says it


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a stream: text with the number of its tokens, or one of the others."""

    text: str = ""
    tokens: int = 0
    reasoning: str = ""  # what the model thinks before it answers
    tool_calls: tuple[ToolCall, ...] = ()
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
class EngineDevice:
    """A device that the installed llama.cpp can compute on; memory in bytes."""

    name: str  # CUDA0, Vulkan0, CPU, …
    description: str  # what its maker calls it
    backend: str  # CUDA, Vulkan, ROCm, Metal, SYCL, CPU, …
    is_gpu: bool
    is_integrated: bool = False  # into the processor, whose memory it shares
    free: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """What the installed llama.cpp was built for."""

    version: str  # of llama-cpp-python
    can_offload: bool  # layers to GPUs
    backends: tuple[str, ...] = ()  # that it has, with or without a device: CUDA, CPU, …
    devices: tuple[EngineDevice, ...] = ()


MAX_SCALE = 10.0  # of an adapter, either way; beyond it nothing but noise is left


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: a GGUF file that changes a model, and how strongly (1 as it was trained)."""

    path: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a plan has what it has."""

    choice: str  # the plan's field, such as n_threads
    sentence: str
    is_notice: bool = False  # the person is told of it: something is less than was wanted


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a model is to be loaded; everything here is fixed until the next load.

    What may differ from one request to the next is in Sampling.
    """

    path: str
    n_ctx: int
    n_threads: int
    n_threads_batch: int
    n_batch: int = 2048
    n_ubatch: int = 512
    n_gpu_layers: int = -1  # all of them, where llama.cpp was built with a GPU back end
    tensor_split: tuple[float, ...] = ()  # the share of each GPU; (): by their free memory
    cpu_expert_layers: int = 0  # so many first layers keep their experts in the computer's memory
    type_k: str = "f16"  # of the KV cache: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl
    type_v: str = "f16"
    flash_attention: bool = True
    use_mmap: bool = True
    use_mlock: bool = False  # the weights are kept from being swapped out
    use_numa: bool = False  # threads are spread over the processor's memory nodes
    extra_buffers: bool = True  # weights repacked for AMX and the like
    adapters: tuple[Adapter, ...] = ()
    for_embedding: bool = False  # it turns texts into vectors, and gets no context for a chat
    reasons: tuple[Reason, ...] = ()


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

    @property
    def is_here(self) -> bool:
        """Whether it runs in this process, whose memory can be given back."""
        return self.threads > 0

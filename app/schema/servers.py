"""The places that models live in: what is configured, what is found, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass, field


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

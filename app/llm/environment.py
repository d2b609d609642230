"""What other programs' environment variables say of providers: offered, never taken in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app import net
from app.errors import Misconfigured
from app.llm.providers.wire import ollama_address


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider that the environment describes; `variables` are where that stands."""

    kind: str
    title: str
    variables: tuple[str, ...]
    url: str = ""
    key: str = field(default="", repr=False)
    model: str = ""

    @property
    def is_cloud(self) -> bool:
        """Whether what is asked would leave for a company's computers."""
        if self.kind in CLOUDS:
            return True
        return self.kind == IMITATOR.kind and net.Link(self.url).is_public


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    title: str
    keys: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


CLOUDS = ("openai", "anthropic", "gemini", "openrouter")
OPENAI_HOST = "api.openai.com"
IMITATOR = _Rule("openai-compatible", "OpenAI-compatible server")
RULES = (  # the first variable of each list that is set counts
    _Rule("ollama", "Ollama", urls=("OLLAMA_HOST",)),
    _Rule("openai", "OpenAI", keys=("OPENAI_API_KEY",), urls=("OPENAI_BASE_URL",)),
    _Rule("anthropic", "Anthropic", keys=("ANTHROPIC_API_KEY",), urls=("ANTHROPIC_BASE_URL",)),
    _Rule("gemini", "Google Gemini", keys=("GOOGLE_API_KEY", "GEMINI_API_KEY")),
    _Rule("openrouter", "OpenRouter", keys=("OPENROUTER_API_KEY",)),
    _Rule("lm-studio", "LM Studio", keys=("LM_API_TOKEN",)),
    _Rule("localai", "LocalAI", keys=("LOCALAI_API_KEY",)),
    _Rule("llama-server", "llama.cpp server", keys=("LLAMA_API_KEY",)),
    _Rule("vllm", "vLLM", keys=("VLLM_API_KEY",)),
    _Rule(
        "mistral-rs",
        "mistral.rs",
        urls=("INFERENCE_SERVER_BASE_URL",),
        models=("INFERENCE_SERVER_MODEL",),
    ),
)


def offers(environ: Mapping[str, str]) -> list[Offer]:
    """The providers that these environment variables describe."""
    found = []
    for rule in RULES:
        key_name, key = _first(environ, rule.keys)
        url_name, url = _first(environ, rule.urls)
        model_name, model = _first(environ, rule.models)
        names = tuple(name for name in (key_name, url_name, model_name) if name)
        if not names:
            continue
        try:
            address = _address(rule.kind, url)
        except Misconfigured:  # no use in offering it
            continue
        if urlsplit(address).password:  # the settings are no place for it
            continue
        named = IMITATOR if rule.kind == "openai" and _is_elsewhere(address) else rule
        found.append(Offer(named.kind, named.title, names, address, key, model))
    return found


def _address(kind: str, text: str) -> str:
    """The address in a variable, made whole; "" for none. Raises Misconfigured."""
    if not text:
        return ""
    if kind == "ollama":  # the server's own variable: it may have a port alone
        return ollama_address.server_url(f"127.0.0.1{text}" if text.startswith(":") else text)
    return net.checked_url(text)


def _is_elsewhere(address: str) -> bool:
    """Whether an address is given that is not OpenAI's own."""
    return bool(address) and urlsplit(address).hostname != OPENAI_HOST


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    """The first of these variables that is set, with its value."""
    for name in names:
        if value := environ.get(name, "").strip(" \t\"'"):
            return name, value
    return "", ""

"""The kinds of providers: what each is called, and what makes one. Packages can add kinds.

A package adds one by an entry point of the group `hearth.providers`: its name is the kind, and its
value is a callable that takes an `Endpoint` and gives a `Provider` (see `interface`).
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from app import net
from app.errors import Misconfigured
from app.llm.providers.added import AddedProvider
from app.llm.providers.factory import Maker
from app.llm.providers.huggingface import extra
from app.llm.providers.interface import Provider
from app.llm.providers.profiles import PROFILES
from app.schema import Endpoint, ProviderKind

GROUP = "hearth.providers"
TRANSFORMERS = "transformers"
_LOG = logging.getLogger(__name__)


# Kinds with a class of their own: module and class. The others are profiles over OpenAI's API.
CLASSES: Mapping[str, tuple[str, str]] = {
    "ollama": ("ollama", "OllamaProvider"),
    "anthropic": ("anthropic", "AnthropicProvider"),
    "gemini": ("gemini", "GeminiProvider"),
    "llama-server": ("llama_server", "LlamaServerProvider"),
    "lm-studio": ("lm_studio", "LMStudioProvider"),
    "localai": ("localai", "LocalAIProvider"),
    "mistral-rs": ("mistral_rs", "MistralRsProvider"),
    "text-generation-webui": ("text_generation_webui", "TextGenerationWebUIProvider"),
    "koboldcpp": ("koboldcpp", "KoboldCppProvider"),
    TRANSFORMERS: ("transformers_local", "TransformersProvider"),
}
OWN = (
    ProviderKind("ollama", "Ollama", "http://127.0.0.1:11434"),
    ProviderKind(
        "anthropic", "Anthropic", "https://api.anthropic.com", is_cloud=True, needs_key=True
    ),
    ProviderKind(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        is_cloud=True,
        needs_key=True,
    ),
)


def kinds() -> dict[str, ProviderKind]:
    """All kinds by their names: Hearth's own, and those of installed packages."""
    known = {kind.kind: kind for kind in (*OWN, _transformers())}
    for profile in PROFILES.values():
        known[profile.kind] = ProviderKind(
            profile.kind, profile.title, profile.url, profile.is_cloud, profile.needs_key
        )
    for name in _plugins():
        known.setdefault(name, ProviderKind(name, name))
    return known


def makers(lock: net.OfflineLock) -> dict[str, Maker]:
    """What makes a provider of each of Hearth's kinds; modules are imported when one is made."""
    made = {kind: _profile_maker(kind, lock) for kind in PROFILES if kind not in CLASSES}
    return made | {kind: _class_maker(*where, lock) for kind, where in CLASSES.items()}


def added_makers() -> dict[str, Maker]:
    """What makes a provider of each kind that installed packages add."""
    return {name: _plugin_maker(point) for name, point in _plugins().items()}


def _transformers() -> ProviderKind:
    """The kind whose packages may have to be installed first."""
    lacking = extra.missing()
    return ProviderKind(
        TRANSFORMERS,
        "Hugging Face models (transformers)",
        needs_url=False,
        missing="" if lacking is None else str(lacking),
    )


def _profile_maker(kind: str, lock: net.OfflineLock) -> Maker:
    def make(endpoint: Endpoint) -> Provider:
        from app.llm.providers import failures
        from app.llm.providers.openai import OpenAIProvider

        if PROFILES[kind].needs_key and not endpoint.key:
            raise failures.no_key(PROFILES[kind].title)
        return OpenAIProvider(endpoint, PROFILES[kind], lock)

    return make


def _class_maker(module: str, name: str, lock: net.OfflineLock) -> Maker:
    def make(endpoint: Endpoint) -> Provider:
        found = importlib.import_module(f"app.llm.providers.{module}")
        provider: Provider = getattr(found, name)(endpoint, lock)
        return provider

    return make


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _plugin_maker(point: EntryPoint) -> Maker:
    def make(endpoint: Endpoint) -> Provider:
        try:
            provider = AddedProvider(point.load()(endpoint), point.name)
        except Exception as error:  # a stranger's code may raise anything
            _LOG.info("the provider of %s failed", point.value, exc_info=True)
            raise Misconfigured(
                f"The added provider “{point.name}” cannot be started: "
                f"{str(error) or type(error).__name__}.",
                "Update or remove the package that adds it.",
                f"{point.value}: {error!r}",
                provider=point.name,
            ) from error
        return provider

    return make


def with_defaults(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the usual address and name of its kind where it has none."""
    kind = kinds().get(endpoint.kind)
    if kind is None:
        return endpoint
    return replace(endpoint, url=endpoint.url or kind.url, title=endpoint.title or kind.title)

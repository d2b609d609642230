"""How all providers stand now: whether they answer, their versions, their models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import HearthError
from app.llm.providers.interface import (
    Clouded,
    Deletes,
    Embeds,
    ManagesMemory,
    Provider,
    Pulls,
    ability,
)
from app.llm.providers.kinds import kinds
from app.llm.registry import Registry
from app.schema import Endpoint, Health, ModelInfo, ProviderKind

WAIT_SECONDS = 5.0  # for one provider
ABILITIES = {"embed": Embeds, "load": ManagesMemory, "pull": Pulls, "delete": Deletes}


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider as it answers now."""

    name: str
    title: str
    kind: str
    url: str
    health: Health
    models: tuple[ModelInfo, ...]
    is_cloud: bool  # it belongs to a company, whose computers get what is asked
    is_found: bool  # found on this computer, not set up by the person
    is_own: bool  # part of Hearth itself
    default_model: str  # the name of the one that the person set, or ""
    is_enabled: bool  # else it is set up and switched off
    abilities: frozenset[str]  # beside chatting: embed, load, pull, delete


async def overview(registry: Registry) -> Sequence[ProviderStatus]:
    """Asks all providers at once; those that are switched off come last, unasked."""
    known = kinds()
    asked = await asyncio.gather(*(_status(registry, name, known) for name in registry.names()))
    return [*asked, *(_switched_off(one, known.get(one.kind)) for one in registry.disabled)]


def _switched_off(endpoint: Endpoint, kind: ProviderKind | None) -> ProviderStatus:
    return ProviderStatus(
        name=endpoint.name,
        title=endpoint.title or (kind.title if kind else endpoint.kind),
        kind=endpoint.kind,
        url=endpoint.url or (kind.url if kind else ""),
        health=Health(works=False, message="It is switched off."),
        models=(),
        is_cloud=kind is not None and kind.is_cloud,
        is_found=False,
        is_own=False,
        is_enabled=False,
        default_model=endpoint.default_model,
        abilities=frozenset(),
    )


async def _status(
    registry: Registry, name: str, kinds_known: Mapping[str, ProviderKind]
) -> ProviderStatus:
    endpoint = registry.endpoints.get(name)
    kind = endpoint.kind if endpoint else name
    known = kinds_known.get(kind)
    models: tuple[ModelInfo, ...] = ()
    abilities: frozenset[str] = frozenset()
    title = known.title if known else kind
    is_cloud = known is not None and known.is_cloud
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            provider = await registry.get(name)
            title = provider.title
            clouds = ability(provider, Clouded)  # type: ignore[type-abstract]
            is_cloud = clouds.is_cloud if clouds else is_cloud
            abilities = frozenset(key for key, it in ABILITIES.items() if ability(provider, it))
            health, models = await _asked(provider)
    except HearthError as error:
        health = Health(works=False, message=error.message)
    except TimeoutError:
        health = Health(works=False, message="It does not answer in time.")
    return ProviderStatus(
        name=name,
        title=title,
        kind=kind,
        url=(endpoint.url or (known.url if known else "")) if endpoint else "",
        health=health,
        models=models,
        is_cloud=is_cloud,
        is_found=registry.is_found(name),
        is_own=registry.fixed(name) is not None,
        is_enabled=True,
        default_model=endpoint.default_model if endpoint else "",
        abilities=abilities,
    )


async def _asked(provider: Provider) -> tuple[Health, tuple[ModelInfo, ...]]:
    health = await provider.health()
    if not health.works:
        return health, ()
    return health, tuple(await provider.list_models())

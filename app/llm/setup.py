"""What the person sets up: providers, their keys, and whether Hearth may leave this computer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import ValidationError

from app import net
from app.credentials import Credentials
from app.errors import HearthError, Misconfigured, StorageError
from app.llm import environment
from app.llm.providers import kinds
from app.llm.providers.factory import ProviderFactory
from app.llm.registry import Registry
from app.schema import Endpoint, Health, ProviderKind
from app.settings import Providers, ProviderSettings, SettingsFile

_UNFIT = re.compile(r"[^a-z0-9._-]+")


class ProviderSetup:
    """Changes the settings, the keyring and the providers in use together."""

    def __init__(
        self,
        settings: SettingsFile,
        credentials: Credentials,
        registry: Registry,
        factory: ProviderFactory,
        lock: net.OfflineLock,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._registry = registry
        self._factory = factory
        self._lock = lock

    def kinds(self) -> list[ProviderKind]:
        """What can be set up, by its title."""
        return sorted(kinds.kinds().values(), key=lambda kind: kind.title.casefold())

    def configured(self, name: str) -> ProviderSettings | None:
        """What is set for a provider."""
        return self._settings.settings.providers.named(name)

    def new(self, kind: str, url: str = "") -> ProviderSettings:
        """Fresh settings for a provider of a kind, with a name that is free.

        Where `url` is given, a server that was found elsewhere keeps its name.
        """
        taken = {one.name for one in self._settings.settings.providers.configured}
        taken |= self._registry.found_elsewhere(Endpoint("", kind, url)) if url else set()
        base = _UNFIT.sub("-", kind.lower()).strip("-._") or "provider"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        return ProviderSettings(name=name, kind=kind)

    async def has_key(self, name: str) -> bool:
        """Whether a key is known for a provider."""
        return bool(await self._credentials.get(name))

    async def save(self, provider: ProviderSettings, key: str | None = None) -> bool:
        """Keeps a provider; `key` None leaves its key as it is, and "" forgets it.

        Returns False where the key lasts only until Hearth is closed.

        Raises:
            Misconfigured: the address is none, or the kind is unknown.
            StorageError: the settings cannot be written.
        """
        provider = self._checked(provider)
        self._keep(lambda providers: providers.put(provider))
        kept = True
        if key:
            kept = await self._credentials.put(provider.name, key)
        elif key is not None:
            await self._credentials.remove(provider.name)
        await self._registry.forget(provider.name)
        await self._registry.configure(self._settings.settings.providers.endpoints())
        return kept

    async def remove(self, name: str) -> None:
        """Takes a provider away, with its key. Raises StorageError."""
        self._keep(lambda providers: providers.remove(name))
        await self._credentials.remove(name)
        await self._registry.configure(self._settings.settings.providers.endpoints())

    async def test(self, provider: ProviderSettings, key: str | None = None) -> Health:
        """Asks a provider as it would be saved, without saving it."""
        try:
            provider = self._checked(provider)
            secret = await self._credentials.get(provider.name) if key is None else key
            made = self._factory.make(replace(provider.endpoint(), key=secret))
        except HearthError as error:
            return Health(works=False, message=str(error))
        try:
            health = await made.health()
            if not health.works:
                return health
            count = len(await made.list_models())
        except HearthError as error:
            return Health(works=False, message=str(error))
        finally:
            await made.aclose()
        models = "1 model" if count == 1 else f"{count:,} models"
        return Health(works=True, version=health.version, message=f"It answers, with {models}.")

    def offers(self, environ: Mapping[str, str]) -> Sequence[environment.Offer]:
        """What the environment describes and is not set up yet."""
        known = {one.kind for one in self._settings.settings.providers.configured}
        return [offer for offer in environment.offers(environ) if offer.kind not in known]

    async def accept(self, offer: environment.Offer) -> bool:
        """Sets up what the environment describes; its key goes into the keyring, as from `save`."""
        models = (offer.model,) if offer.model else ()
        provider = self.new(offer.kind, offer.url)
        provider = provider.model_copy(update={"url": offer.url, "models": models})
        return await self.save(provider, offer.key or None)

    def stay_offline(self, *, offline: bool) -> None:
        """Closes or opens the way to other computers. Raises StorageError."""
        self._lock.closed = offline
        self._settings.settings.providers.stay_offline = offline
        self._settings.save()

    def _keep(self, change: Callable[[Providers], None]) -> None:
        """Changes and writes the settings; where that fails they are as they were."""
        providers = self._settings.settings.providers
        before = providers.configured
        change(providers)
        try:
            self._settings.save()
        except StorageError:
            providers.configured = before
            raise

    def _checked(self, provider: ProviderSettings) -> ProviderSettings:
        """The provider, if it can be kept. Raises Misconfigured."""
        try:  # copies are not checked when they are made
            provider = ProviderSettings.model_validate(provider.model_dump())
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise Misconfigured(f"This cannot be kept: {said}.", "Correct it.") from None
        self._check(provider)
        return provider

    def _check(self, provider: ProviderSettings) -> None:
        kind = kinds.kinds().get(provider.kind)
        if kind is None:
            raise Misconfigured(
                f"There is no kind of provider called “{provider.kind}”.",
                "Choose another, or install the package that adds it.",
            )
        if self._registry.fixed(provider.name) is not None:
            raise Misconfigured(
                f"The name “{provider.name}” belongs to Hearth's own models.",
                "Choose another name.",
            )
        if not kind.needs_url:
            self._check_models(kind, provider)
        elif provider.url or (not kind.url and kind.kind not in kinds.added_makers()):
            net.checked_url(provider.url)

    @staticmethod
    def _check_models(kind: ProviderKind, provider: ProviderSettings) -> None:
        """Models in this process are known by their names alone."""
        if not provider.models:
            raise Misconfigured(
                f"{kind.title} need at least one name.",
                "Name a repo, such as Qwen/Qwen3-0.6B, or a folder with a model's files.",
            )

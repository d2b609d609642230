"""The models of all providers in one list, within a second, whatever the slowest does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.errors import HearthError
from app.llm.registry import Registry
from app.schema import Endpoint, ModelInfo, ModelRef

WAIT_SECONDS = 1.0  # for the list as a whole
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """What one provider said last, and what went wrong since."""

    models: tuple[ModelInfo, ...] = ()
    error: HearthError | None = None


class _Asking(NamedTuple):
    """A question for a list that is not answered yet."""

    endpoint: Endpoint | None
    task: asyncio.Task[None]


class ModelList:
    """Asks all providers at once; who is late is shown with what it said before, as stale."""

    def __init__(self, registry: Registry, wait: float = WAIT_SECONDS) -> None:
        """`wait` is in seconds."""
        self._registry = registry
        self._wait = wait
        self._known: dict[str, Listing] = {}
        self._asking: dict[str, _Asking] = {}

    @property
    def listings(self) -> dict[str, Listing]:
        """What is known of each provider, by its name."""
        return dict(self._known)

    async def read(self) -> list[ModelInfo]:
        """The models of all providers, in the providers' order."""
        names = self._registry.names()
        asked = [self._asked(name) for name in names]
        if asked:
            await asyncio.wait(asked, timeout=self._wait)
        models: list[ModelInfo] = []
        for name in names:
            known = self._known.get(name, Listing())
            is_stale = known.error is not None or name in self._asking
            models += _marked(known.models, is_stale=is_stale)
        self._known = {name: self._known[name] for name in names if name in self._known}
        return models

    def alternatives(self, ref: ModelRef) -> list[ModelInfo]:
        """The same model at other providers, as their lists were last."""
        wanted = _plain_name(ref.model)
        return [
            model
            for name, listing in self.listings.items()
            if name != ref.provider and listing.error is None
            for model in listing.models
            if _plain_name(model.ref.model) == wanted
        ]

    async def aclose(self) -> None:
        """Ends what is still asked."""
        tasks = [asking.task for asking in self._asking.values()]
        self._asking.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _asked(self, name: str) -> asyncio.Task[None]:
        """The question that a provider has not answered yet, else a new one."""
        endpoint = self._registry.endpoints.get(name)
        asking = self._asking.get(name)
        if asking is not None and asking.endpoint == endpoint:
            return asking.task
        if asking is not None:  # it was asked at another address
            asking.task.cancel()
        task = asyncio.create_task(self._ask(name), name=f"list {name}")
        self._asking[name] = _Asking(endpoint, task)
        return task

    async def _ask(self, name: str) -> None:
        before = self._known.get(name, Listing())
        try:
            provider = await self._registry.get(name)
            listing = Listing(tuple(await provider.list_models()))
        except HearthError as error:
            _LOG.info("%s has no list of models: %s", name, error)
            listing = Listing(before.models, error)
        finally:
            asking = self._asking.get(name)
            if asking is not None and asking.task is asyncio.current_task():
                del self._asking[name]
        self._known[name] = listing


def _marked(models: Sequence[ModelInfo], *, is_stale: bool) -> list[ModelInfo]:
    return [replace(model, is_stale=True) for model in models] if is_stale else list(models)


def _plain_name(model: str) -> str:
    """A model's name without folders, tag `latest` and ending, by which equal ones are known."""
    name = model.replace("\\", "/").rpartition("/")[2].casefold()
    return name.removesuffix(".gguf").removesuffix(":latest").replace(":", "-")

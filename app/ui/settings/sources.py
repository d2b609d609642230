"""Where the page's contents come from that are no settings: disk, keyring, models, versions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from app import credentials
from app.library import shelf
from app.library.hub import environment
from app.library.hub.access import TOKEN_KEY
from app.ui.settings import facts
from app.ui.settings.secret_field import Deed, KeyState

if TYPE_CHECKING:
    from pathlib import Path

    from app.paths import Paths
    from app.schema import ModelInfo
    from app.settings import SettingsFile
    from app.ui.services import Services

Read = Callable[[], Awaitable[object]]


class Sources:
    """Reads in other threads what waits for the disk, the keyring or a library."""

    def __init__(
        self, services: Services, settings: SettingsFile, folders: Paths, resources: Path
    ) -> None:
        self._services = services
        self._file = settings
        self._folders = folders
        self._resources = resources
        self._kept: dict[str, str] = {}  # what stays as it is while Hearth runs
        self._reading: dict[str, Read] = {
            "appearance.language": lambda: asyncio.to_thread(facts.languages, resources),
            "models.default": self._other_models,
            "models.embedding": self._embedding_models,
            "providers.fallback": self._all_models,
            "models.folders": self._missing,
            "models.download_folder": self._own_folder,
            "hub-token": self._key_state,
            "data-folder": self._data_folder,
            "computer": self._computer,
            "leaves": self._leaves,
            "chats": self._chats,
            "log": self._log,
            "versions": self.versions,
            "licences": self._licences,
        }

    @property
    def keys(self) -> frozenset[str]:
        """The rows that something is known for here."""
        return frozenset(self._reading)

    async def read(self, key: str) -> object:
        """What a row is to show."""
        return await self._reading[key]()

    async def versions(self) -> str:
        """The programs that matter in a report."""
        return await self._once("versions", facts.versions)

    async def change_key(self, what: object) -> None:
        """Keeps the token, takes the one of the environment, or forgets it."""
        keys = self._services.credentials
        if keys is None or not isinstance(what, tuple):
            return
        deed, secret = what
        if deed is Deed.FORGET:
            await keys.remove(TOKEN_KEY)
            return
        key = environment.offered_token(os.environ) if deed is Deed.TAKE_OFFERED else secret
        if key:
            await keys.put(TOKEN_KEY, key)

    async def _key_state(self) -> KeyState:
        keys = self._services.credentials
        status = await asyncio.to_thread(credentials.status)
        return KeyState(
            is_known=bool(keys and await keys.get(TOKEN_KEY)),
            is_for_this_run=bool(keys and keys.is_for_this_run(TOKEN_KEY)),
            keyring_works=status.works,
            remedy=status.remedy,
            is_offered=bool(environment.offered_token(os.environ)),
        )

    async def _all_models(self) -> tuple[tuple[str, str], ...]:
        """The models that can chat: their references and labels."""
        models = await self._services.manager.models()
        return tuple((str(one.ref), _label(one)) for one in models if _can_chat(one))

    async def _embedding_models(self) -> tuple[tuple[str, str], ...]:
        """Those that are made for it: their references and labels."""
        models = await self._services.manager.models()
        return tuple((str(one.ref), _label(one)) for one in models if "embedding" in one.features)

    async def _other_models(self) -> tuple[tuple[str, str], ...]:
        """All but the starter, which is offered in any case."""
        starter = str(self._services.starter or "")
        return tuple(one for one in await self._all_models() if one[0] != starter)

    async def _missing(self) -> frozenset[str]:
        return await asyncio.to_thread(facts.missing, self._file.settings.models.folders)

    async def _own_folder(self) -> str:
        return str(self._folders.models)

    async def _data_folder(self) -> str:
        return str(self._folders.data)

    async def _chats(self) -> str:
        return str(self._folders.database)

    async def _log(self) -> str:
        return str(self._folders.logs)

    async def _computer(self) -> str:
        return facts.computer(await asyncio.to_thread(shelf.computer))

    async def _leaves(self) -> str:
        setup = self._services.setup
        known = await asyncio.to_thread(setup.kinds) if setup is not None else []
        kinds = {one.kind: one for one in known}
        return facts.leaves(self._file.settings, kinds, environment.endpoint(os.environ))

    async def _licences(self) -> str:
        return await self._once("licences", facts.licences)

    async def _once(self, key: str, read: Callable[[], str]) -> str:
        if key not in self._kept:
            self._kept[key] = await asyncio.to_thread(read)
        return self._kept[key]


def _can_chat(model: ModelInfo) -> bool:
    return model.features != {"embedding"}


def _label(model: ModelInfo) -> str:
    return " — ".join(filter(None, (model.title, model.quantisation, model.provider)))

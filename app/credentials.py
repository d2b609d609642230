"""API keys and tokens, kept in the operating system's keyring and nowhere else."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

SERVICE = "hearth"  # the keyring's name for us
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyringStatus:
    """Whether secrets can be kept here: the back end's name, or what is missing."""

    works: bool
    name: str
    remedy: str = ""


def status() -> KeyringStatus:
    """Looks for a usable keyring; does not unlock or change it."""
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    name = type(backend).__module__.removeprefix("keyring.backends.")
    if isinstance(backend, fail.Keyring | null.Keyring) or backend.priority <= 0:
        return KeyringStatus(
            works=False,
            name="none",
            remedy="Install and unlock a keyring (GNOME Keyring, KWallet, KeePassXC's secret "
            "service) to have API keys kept; without one they last until Hearth is closed.",
        )
    return KeyringStatus(works=True, name=name)


class Credentials:
    """Reads and keeps keys; where no keyring works, they last until Hearth is closed."""

    def __init__(self) -> None:
        self._for_this_run: dict[str, str] = {}

    async def get(self, name: str) -> str:
        """The key of that name, or ""."""
        if name in self._for_this_run:
            return self._for_this_run[name]
        return await asyncio.to_thread(_read, name)

    async def put(self, name: str, secret: str) -> bool:
        """Keeps a key; False where it lasts for this run only, because no keyring works."""
        if await asyncio.to_thread(_write, name, secret):
            self._for_this_run.pop(name, None)
            return True
        self._for_this_run[name] = secret
        return False

    def lend(self, name: str, secret: str) -> None:
        """Has a key used for this run, before one that is kept; nothing is written."""
        self._for_this_run[name] = secret

    def is_for_this_run(self, name: str) -> bool:
        """Whether a key lasts only until Hearth is closed."""
        return name in self._for_this_run

    async def remove(self, name: str) -> None:
        """Forgets a key."""
        self._for_this_run.pop(name, None)
        await asyncio.to_thread(_delete, name)


def _read(name: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    if not status().works:
        return ""
    try:
        return keyring.get_password(SERVICE, name) or ""
    except KeyringError as error:
        _LOG.info("the keyring did not give the key of %s: %s", name, type(error).__name__)
        return ""


def _write(name: str, secret: str) -> bool:
    import keyring
    from keyring.errors import KeyringError

    if not status().works:
        return False
    try:
        keyring.set_password(SERVICE, name, secret)
    except KeyringError as error:
        _LOG.info("the keyring did not take the key of %s: %s", name, type(error).__name__)
        return False
    return True


def _delete(name: str) -> None:
    import keyring
    from keyring.errors import KeyringError

    if not status().works:
        return
    try:
        keyring.delete_password(SERVICE, name)
    except KeyringError as error:  # there was none, most often
        _LOG.info("the keyring did not delete the key of %s: %s", name, type(error).__name__)

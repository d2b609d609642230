"""API keys and tokens, kept in the operating system's keyring and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass


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

"""Brings an older settings file to the present form, one numbered step after the other. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app import secrecy

VERSION = 3
_ADDRESSES = ("url", "proxy")


def migrated(data: dict[str, Any]) -> list[str]:
    """Changes `data` in place; returns sentences for the person where something was left out.

    Raises:
        ValueError: its version is no number, or of a newer program.
    """
    version = int(data.get("version", 1))
    if not 1 <= version <= VERSION:
        raise ValueError(f"version {version}")
    said: list[str] = []
    for step in STEPS[version - 1 :]:
        said += [sentence for sentence in step(data) if sentence not in said]
    data["version"] = VERSION
    return said


def without_secrets(data: dict[str, Any]) -> list[str]:
    """1 to 2: keys and passwords of providers left the file; each is to be entered once more."""
    return _without(data, ("query",))


def without_secret_headers(data: dict[str, Any]) -> list[str]:
    """2 to 3: headers that hold keys left the file too, and keys in an address."""
    return _without(data, ("headers", "query"))


def _without(data: dict[str, Any], pairs: tuple[str, ...]) -> list[str]:
    providers = data.get("providers")
    configured = providers.get("configured") if isinstance(providers, dict) else None
    names = [
        str(one.get("name"))
        for one in (configured if isinstance(configured, list) else [])
        if isinstance(one, dict) and _cleaned(one, pairs)
    ]
    if not names:
        return []
    whose = ", ".join(names)
    said = f"A key or password of {whose} stood in the settings file and was taken out: "
    return [said + "enter it once more as the provider's key."]


def _cleaned(provider: dict[str, Any], pairs: tuple[str, ...]) -> bool:
    """Whether a secret was taken out of a provider."""
    before = dict(provider)
    for field in pairs:
        held = provider.get(field)
        if isinstance(held, dict):
            provider[field] = {
                name: value
                for name, value in held.items()
                if not secrecy.is_secret(str(name), str(value))
            }
    for field in _ADDRESSES:
        if isinstance(provider.get(field), str):
            provider[field] = secrecy.bare(provider[field])
    return provider != before


STEPS: tuple[Callable[[dict[str, Any]], list[str]], ...] = (
    without_secrets,
    without_secret_headers,
)

"""Brings an older settings file to the present form, one numbered step after the other. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

VERSION = 2
SECRET_PARAMETERS = ("key", "api_key", "apikey", "api-key", "token", "access_token", "password")


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
        said += step(data)
    data["version"] = VERSION
    return said


def without_secrets(data: dict[str, Any]) -> list[str]:
    """1 to 2: keys and passwords of providers left the file; each is to be entered once more."""
    providers = data.get("providers")
    configured = providers.get("configured") if isinstance(providers, dict) else None
    names = [
        str(one.get("name"))
        for one in (configured if isinstance(configured, list) else [])
        if isinstance(one, dict) and _cleaned(one)
    ]
    if not names:
        return []
    whose = ", ".join(names)
    said = f"A key or password of {whose} stood in the settings file and was taken out: "
    return [said + "enter it once more as the provider's key."]


def _cleaned(provider: dict[str, Any]) -> bool:
    """Whether a secret was taken out of a provider."""
    before = (dict(provider), dict(provider.get("query") or {}))
    query = provider.get("query")
    if isinstance(query, dict):
        provider["query"] = {
            name: value for name, value in query.items() if name.lower() not in SECRET_PARAMETERS
        }
    for field in ("url", "proxy"):
        if isinstance(provider.get(field), str):
            provider[field] = _bare(provider[field])
    return (dict(provider), dict(provider.get("query") or {})) != before


def _bare(url: str) -> str:
    """An address without its password."""
    try:
        parts = urlsplit(url)
        if not parts.password:
            return url
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    except ValueError:
        return url


STEPS: tuple[Callable[[dict[str, Any]], list[str]], ...] = (without_secrets,)

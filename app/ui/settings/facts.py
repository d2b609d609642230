"""What the settings tell of this computer and of what leaves it, in the person's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtCore import QLocale, qVersion

from app import net, software, wording
from app.library.hub.failures import HOME

if TYPE_CHECKING:
    from app.schema import Hardware, ProviderKind
    from app.settings import ProviderSettings, Settings

ENGLISH = ("en", "English")


def languages(resources: Path) -> tuple[tuple[str, str], ...]:
    """English, and the translations that ship with Hearth: hearth_de.qm stands for German."""
    codes = sorted(
        file.stem.partition("_")[2] for file in (resources / "translations").glob("hearth_*.qm")
    )
    names = ((code, QLocale(code).nativeLanguageName() or code) for code in codes)
    return (ENGLISH, *(one for one in names if one[0] != ENGLISH[0]))


def computer(facts: Hardware) -> str:
    """Processor and memory."""
    cores = "1 core" if facts.physical_cores == 1 else f"{facts.physical_cores} cores"
    return (
        f"{cores} · {wording.size(facts.total_memory)} of memory, of which "
        f"{wording.size(facts.available_memory)} are free now"
    )


def missing(folders: Sequence[str]) -> frozenset[str]:
    """Those that are not there now; asks the disk, which may be slow."""
    return frozenset(one for one in folders if not Path(one).expanduser().is_dir())


def versions() -> str:
    """One program in a line."""
    lines = [f"{name} {version}" for name, version in software.versions()]
    return "\n".join((*lines[:2], f"Qt {qVersion()}", *lines[2:]))


def licences() -> str:
    """One package in a line."""
    said = [f"{one.name} {one.version} — {one.licence}" for one in software.packages()]
    return "\n".join(("Hearth itself — MIT", *said))


def leaves(settings: Settings, kinds: Mapping[str, ProviderKind], environ_hub: str = "") -> str:
    """What is sent to other computers with these settings, to whom and when."""
    offline = settings.providers.stay_offline
    lines = [
        "Hearth stays offline: nothing leaves this computer while that is so."
        if offline
        else "Nothing leaves it while you chat with models on this computer."
    ]
    lines += [] if offline else _servers(settings, kinds)
    lines.append(_hub(settings, environ_hub, offline=offline))
    if settings.providers.discover:
        lines.append("Servers are looked for on this computer alone; no other one is asked.")
    return "\n".join(f"• {line}" for line in lines)


def _servers(settings: Settings, kinds: Mapping[str, ProviderKind]) -> list[str]:
    """A line for each server elsewhere that the person set up."""
    lines: list[str] = []
    for one in settings.providers.configured:
        kind = kinds.get(one.kind)
        where = one.url or (kind.url if kind else "")
        is_elsewhere = bool(where) and not net.is_loopback(_host(where))
        if not one.enabled or not is_elsewhere:
            continue
        name = one.title or (kind.title if kind else one.kind)
        whose = "a cloud service" if kind and kind.is_cloud else "another computer"
        lines.append(
            f"{name}, {whose} at {_host(where)}, gets the whole chat when you ask a model of it"
            f"{_stands_in(settings, one)}. Its list of models is asked for, with your key where "
            "it has one."
        )
    return lines or ["No cloud service and no server on another computer is set up."]


def _stands_in(settings: Settings, one: ProviderSettings) -> str:
    refs = settings.providers.chain()
    is_named = any(ref.provider == one.name for ref in refs)
    return ", or when it stands in for another one" if is_named else ""


def _hub(settings: Settings, environ_hub: str, *, offline: bool) -> str:
    host = _host(settings.hub.endpoint or environ_hub) or _host(HOME)
    if offline:
        return f"Models cannot be searched or fetched at {host} now."
    weekly = (
        ", and once a week to see whether what you fetched has changed"
        if settings.hub.look_for_changes
        else ""
    )
    return (
        f"{host} is asked only when you search for models or fetch one{weekly}; it gets what you "
        "search for, and your token where you gave one."
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""

"""`hearth providers`: where models live, and how each place answers now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app import paths
from app.cli import console, session
from app.cli.parser import EXIT_DONE

if TYPE_CHECKING:
    import argparse

    from app.llm.overview import ProviderStatus
    from app.schema import InstalledServer

HEADINGS = ("NAME", "PROVIDER", "STATE", "VERSION", "MODELS", "ADDRESS")


def run(options: argparse.Namespace) -> int:
    """Looks for servers, asks them all, and prints what they say."""
    asyncio.run(_show(options))
    return EXIT_DONE


async def _show(options: argparse.Namespace) -> None:
    async with session.opened(paths.find(options.home)) as core:
        if core.settings.settings.providers.discover:
            await core.manager.servers()
        found = await core.manager.providers()
        installed = await core.manager.installed()
    running = {provider.kind for provider in found if provider.health.works}
    if options.json:
        value = {
            "providers": [_as_json(provider) for provider in found],
            "installed": [_installed(server, running) for server in installed],
        }
        print(json.dumps(value, indent=2, ensure_ascii=False))
        return
    _print_table([_row(provider) for provider in found])
    for provider in found:
        if provider.is_enabled and not provider.health.works and provider.health.message:
            console.say(f"{provider.name}: {provider.health.message}")
    for server in installed:
        if server.kind not in running:
            print(f"Installed, not running: {server.name} {server.version} ({server.path})")


def _row(provider: ProviderStatus) -> tuple[str, ...]:
    state = "ready" if provider.health.works else "does not answer"
    if not provider.is_enabled:
        state = "switched off"
    return (
        provider.name,
        f"{provider.title} (cloud)" if provider.is_cloud else provider.title,
        state,
        provider.health.version or "-",
        str(len(provider.models)) if provider.health.works else "-",
        provider.url or "-",
    )


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for row in (HEADINGS, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _as_json(provider: ProviderStatus) -> dict[str, Any]:
    return {
        "name": provider.name,
        "kind": provider.kind,
        "title": provider.title,
        "url": provider.url,
        "works": provider.health.works,
        "message": provider.health.message,
        "version": provider.health.version,
        "cloud": provider.is_cloud,
        "found": provider.is_found,
        "enabled": provider.is_enabled,
        "abilities": sorted(provider.abilities),
        "models": [str(model.ref) for model in provider.models],
    }


def _installed(server: InstalledServer, running: set[str]) -> dict[str, Any]:
    return {
        "kind": server.kind,
        "name": server.name,
        "path": server.path,
        "version": server.version,
        "running": server.kind in running,
    }

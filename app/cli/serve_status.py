"""`hearth serve-status`: the model servers that Hearth has started and that still run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from app import paths
from app.cli import console, session
from app.cli.parser import EXIT_DONE

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Prints them; with --stop, ends those that an earlier Hearth has left behind."""
    asyncio.run(_show(options))
    return EXIT_DONE


async def _show(options: argparse.Namespace) -> None:
    async with session.opened(paths.find(options.home)) as core:
        all_servers = await core.host.recorded()
        stopped = await core.host.stop_left_behind() if options.stop else 0
    if options.json:
        value = {"servers": [asdict(server) for server in all_servers], "stopped": stopped}
        print(json.dumps(value, indent=2, ensure_ascii=False))
        return
    for server in all_servers:
        print(f"{server.title}\t{server.url}\tprocess {server.pid}\t{server.log}")
    if not all_servers:
        print("Hearth has started no model server that still runs.")
    if stopped:
        console.say(f"Stopped {stopped} that an earlier Hearth had left behind.")

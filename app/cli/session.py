"""What the commands share: a core whose worker runs on a plain thread while the command does."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from app import core, log
from app.cli import console
from app.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from app.llm.state import ModelState
    from app.paths import Paths
    from app.schema import Adapter, ModelRef, Sampling


@asynccontextmanager
async def opened(folders: Paths) -> AsyncIterator[core.Core]:
    """The core for one command; everything is given back afterwards."""
    built = core.build(folders)
    handler = log.set_up(folders.logs)
    thread = threading.Thread(target=built.worker.run, name="runner")
    thread.start()
    unsubscribe = built.manager.subscribe(_show_state)
    try:
        yield built
    finally:
        unsubscribe()
        try:
            await built.manager.aclose()
        finally:
            built.worker.stop()
            await asyncio.to_thread(thread.join)
            log.tear_down(handler)


def _show_state(state: ModelState) -> None:
    console.show_load(state.progress)


async def choose(
    built: core.Core, wanted: str | None, adapters: Sequence[Adapter] = ()
) -> ModelRef:
    """The model that --model names, else the one that was selected last.

    The adapters of --lora are loaded with it, in place of those that the settings have for it.

    Raises:
        NoModel: there is no such model.
        UsageError: it is a server's, and there are adapters.
    """
    ref = await (core.resolve(built, wanted) if wanted else core.default_model(built))
    if adapters:
        if built.manager.registry.fixed(ref.provider) is None:
            raise UsageError(
                f"--lora changes a model file on this computer, and {ref} is a server's model.",
                "Give the path of a .gguf file with --model, or leave --lora out.",
            )
        built.adapters[ref.model] = tuple(adapters)
    return ref


def sampling(built: core.Core, options: argparse.Namespace) -> Sampling:
    """The settings' sampling with the options of the command line over it."""
    given = {
        name: value
        for name in ("temperature", "top_p", "seed", "max_tokens")
        if (value := getattr(options, name)) is not None
    }
    return replace(built.settings.settings.chat.sampling(), **given)


def read_prompt(text: str) -> str:
    """The prompt itself, or standard input for "-"."""
    return sys.stdin.read() if text == "-" else text

"""`hearth ask`: one question, one answer on standard output."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING

from app import paths, wording
from app.cli import console, session
from app.cli.parser import EXIT_DONE
from app.errors import UsageError
from app.schema import Finish, Message, Request, Role

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Loads the model, asks, and prints the answer as it comes."""
    asyncio.run(_ask(options))
    return EXIT_DONE


async def _ask(options: argparse.Namespace) -> None:
    prompt = session.read_prompt(options.prompt)
    if not prompt.strip() and not options.raw:
        raise UsageError("The prompt is empty.", "Write a question, or - to read standard input.")
    async with session.opened(paths.find(options.home)) as core:
        await core.manager.load(await session.choose(core, options.model))
        system = options.system or core.settings.settings.chat.system_prompt
        turns = [Message(Role.SYSTEM, system)] if system else []
        request = Request(
            messages=(*turns, Message(Role.USER, prompt)),
            raw=prompt if options.raw else None,
            sampling=session.sampling(core, options),
        )
        answer, finish = "", None
        loaded = core.manager.state.loaded
        if loaded and loaded.notice and not options.raw:
            console.say(f"Note: {loaded.notice}")
        async with aclosing(core.manager.stream(request)) as chunks:
            async for chunk in chunks:
                if chunk.notice:
                    console.say(f"Note: {chunk.notice}")
                finish = chunk.finish or finish
                answer += chunk.text
                if chunk.text and not options.json:
                    sys.stdout.write(chunk.text)
                    sys.stdout.flush()
        _conclude(options, answer, finish, loaded.info.name if loaded else "")


def _conclude(options: argparse.Namespace, answer: str, finish: Finish | None, model: str) -> None:
    """The line end of a terminal, and the figures where they were asked for."""
    if options.json:
        figures = asdict(finish.usage) if finish else {}
        rate = finish.usage.tokens_per_second if finish else None
        print(
            json.dumps(
                {
                    "model": model,
                    "text": answer,
                    "finish_reason": str(finish.reason) if finish else None,
                    "usage": {**figures, "tokens_per_second": rate},
                },
                ensure_ascii=False,
            )
        )
    elif sys.stdout.isatty():
        print()
    if options.stats and finish:
        console.say(wording.statistics(finish.usage, finish.reason))

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
from app.core import resolve
from app.errors import UsageError
from app.schema import Finish, Message, Request, Role

if TYPE_CHECKING:
    import argparse

    from app.core import Core
    from app.schema import ModelRef


def run(options: argparse.Namespace) -> int:
    """Loads the model, asks, and prints the answer as it comes."""
    asyncio.run(_ask(options))
    return EXIT_DONE


async def _ask(options: argparse.Namespace) -> None:
    prompt = session.read_prompt(options.prompt)
    if not prompt.strip() and not options.raw:
        raise UsageError("The prompt is empty.", "Write a question, or - to read standard input.")
    async with session.opened(paths.find(options.home)) as core:
        fallback = await _fallback(core, options.fallback)
        chosen = await session.choose(core, options.model, options.lora)
        if fallback:
            core.manager.select(chosen)  # its failure to load is one to fall back from
        else:
            await core.manager.load(chosen)
        system = options.system or core.settings.settings.chat.system_prompt
        turns = [Message(Role.SYSTEM, system)] if system else []
        request = Request(
            messages=(*turns, Message(Role.USER, prompt)),
            raw=prompt if options.raw else None,
            sampling=session.sampling(core, options),
        )
        answer, reasoning, finish = "", "", None
        loaded = core.manager.state.loaded
        if loaded and loaded.notice and not options.raw:
            console.say(f"Note: {loaded.notice}")
        async with aclosing(core.manager.stream(request, fallback)) as chunks:
            async for chunk in chunks:
                if chunk.notice:
                    console.say(f"Note: {chunk.notice}")
                finish = chunk.finish or finish
                answer += chunk.text
                reasoning += chunk.reasoning
                if chunk.text and not options.json:
                    sys.stdout.write(chunk.text)
                    sys.stdout.flush()
        is_first = finish is None or finish.model == chosen
        loaded = core.manager.state.loaded
        name = loaded.info.name if loaded and is_first else str(finish.model if finish else "")
        _conclude(options, answer, reasoning, finish, name)


async def _fallback(core: Core, names: str | None) -> list[ModelRef]:
    return [await resolve(core, name.strip()) for name in (names or "").split(",") if name.strip()]


def _conclude(
    options: argparse.Namespace, answer: str, reasoning: str, finish: Finish | None, model: str
) -> None:
    """The line end of a terminal, and the figures where they were asked for."""
    if options.json:
        figures = asdict(finish.usage) if finish else {}
        rate = finish.usage.tokens_per_second if finish else None
        print(
            json.dumps(
                {
                    "model": model,
                    "text": answer,
                    **({"reasoning": reasoning} if reasoning else {}),
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

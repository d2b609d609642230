"""`hearth chat`: the same chat in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from app import paths, wording
from app.chats.opening import open_history
from app.chats.store import ChatStore
from app.cli import console, session
from app.cli.parser import EXIT_DONE, EXIT_FAILED
from app.conversation.service import ConversationService
from app.core import resolve
from app.errors import HearthError, NoModel

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from app.conversation.exchange import Exchange
    from app.core import Core
    from app.schema import Adapter
    from app.settings import ChatDefaults

HELP = """\
Write a message and press Enter. Ctrl+C stops an answer, Ctrl+D ends the chat.
/new      begin another chat          /model F  load another model
/again    have the last answered anew /models   the models on this disk
/help     this text                   /quit     end"""


def run(options: argparse.Namespace) -> int:
    """Talks until the input ends. The loop runs while something is awaited, not while one types."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            chat = runner.run(_open(stack, options))
            return chat.talk(runner, options.model, options.lora)
        finally:
            runner.run(stack.aclose())


async def _open(stack: AsyncExitStack, options: argparse.Namespace) -> TerminalChat:
    core = await stack.enter_async_context(session.opened(paths.find(options.home)))
    store = await _open_store(stack, core)
    defaults = core.settings.settings.chat.model_copy()
    for name in ("temperature", "top_p", "seed", "max_tokens"):
        if getattr(options, name) is not None:
            setattr(defaults, name, getattr(options, name))
    if options.system:
        defaults.system_prompt = options.system
    return TerminalChat(core, store, defaults)


async def _open_store(stack: AsyncExitStack, core: Core) -> ChatStore:
    """The history. The window may have it open as well: both can write."""
    database, problem = await open_history(core.paths.database)
    stack.push_async_callback(database.close)
    if problem is not None:
        console.complain(problem)
    return ChatStore(database)


class TerminalChat:
    """One conversation in the terminal."""

    def __init__(self, core: Core, store: ChatStore, defaults: ChatDefaults) -> None:
        self._core = core
        self._service = ConversationService(core.manager, store, lambda: defaults)
        self._last: Exchange | None = None

    def talk(
        self, runner: asyncio.Runner, model: str | None, adapters: Sequence[Adapter] = ()
    ) -> int:
        """Reads and answers until the input ends; returns the exit code."""
        if not self._first_model(runner, model, adapters):
            return EXIT_FAILED
        while (line := _read("\nYou: ")) is not None:
            try:
                if not line.strip():
                    continue
                if line.startswith("/"):
                    if line.strip() in ("/quit", "/exit"):
                        break
                    runner.run(self._command(line))
                else:
                    runner.run(self._ask(line))
            except HearthError as error:
                console.complain(error)
            except KeyboardInterrupt:
                console.say("\n(stopped)")
        console.say()
        return EXIT_DONE

    def _first_model(
        self, runner: asyncio.Runner, model: str | None, adapters: Sequence[Adapter]
    ) -> bool:
        """Loads a model, asking for one where none is known; False if there is none to ask."""
        asked = model is not None
        while True:
            try:
                runner.run(self._load(model, adapters))
            except HearthError as error:
                console.complain(error)
                if asked and not sys.stdin.isatty():
                    return False
                model = _read("Path of a .gguf file: ")
                asked = True
                if not model:
                    return False
            else:
                return True

    async def _load(self, model: str | None, adapters: Sequence[Adapter] = ()) -> None:
        manager = self._core.manager
        await manager.load(await session.choose(self._core, model, adapters))
        loaded = manager.state.loaded
        if loaded is None:
            raise NoModel("No model is loaded.", "Choose another with /model.")
        info = loaded.info
        facts = (
            info.title,
            info.provider + (" (cloud)" if info.is_cloud else ""),
            info.quantisation,
            wording.size(info.size) if info.size else "",
            f"{loaded.context:,} tokens of context" if loaded.context else "",
            wording.adapters(loaded.adapters),
        )
        console.say(" · ".join(filter(None, facts)))
        if loaded.notice:
            console.say(f"Note: {loaded.notice}")

    async def _command(self, line: str) -> None:
        name, _, argument = line.strip().partition(" ")
        if name == "/new":
            self._last = None
            console.say("A new chat.")
        elif name == "/again" and self._last is not None:
            await self._show(await self._service.regenerate(self._last.question))
        elif name == "/model" and argument:
            ref = await resolve(self._core, argument.strip())
            await self._load(str(ref))
        elif name == "/models":
            for model in await self._core.manager.models():
                size = wording.size(model.size) if model.size else ""
                name = str(model.ref) if model.provider else model.ref.model
                console.say(f"{model.title}  {size}  {name}")
        else:
            console.say(HELP)

    async def _ask(self, text: str) -> None:
        last = self._last
        chat_id = last.chat_id if last else None
        await self._show(await self._service.ask(chat_id, last.answer.id if last else None, text))

    async def _show(self, exchange: Exchange) -> None:
        """Prints the answer as it grows, then its figures."""
        self._last = exchange
        shown = 0

        def on_change(exchange: Exchange) -> None:
            nonlocal shown
            sys.stdout.write(exchange.text[shown:])
            sys.stdout.flush()
            shown = len(exchange.text)

        exchange.subscribe(on_change)
        assert exchange.task is not None  # noqa: S101 - it has been started
        try:
            await asyncio.shield(exchange.task)
        except asyncio.CancelledError:
            await self._service.stop(exchange.chat_id)
            raise
        finally:
            print(flush=True)
        if exchange.error is not None:
            raise exchange.error
        if exchange.ending is not None:
            console.say(f"  {wording.statistics(exchange.ending.usage, exchange.ending.reason)}")


def _read(prompt: str) -> str | None:
    """A line that somebody types, or None at the end of the input."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives input() its line editing
    sys.stderr.write(prompt if sys.stdin.isatty() else "")
    sys.stderr.flush()
    try:
        return input()
    except EOFError:
        return None

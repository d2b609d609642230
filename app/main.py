"""The composition root of the window: builds every object, wires them, runs, and shuts down."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEventLoop, QTimer

from app import instance, paths
from app.errors import HearthError, StorageError
from app.ui import application as applications
from app.ui import theme
from app.ui.main_window import MainWindow

if TYPE_CHECKING:
    import argparse
    import asyncio
    from contextlib import AsyncExitStack

    from PySide6.QtWidgets import QApplication

    from app.core import Core
    from app.ui.library.services import LibraryServices
    from app.ui.services import Services

EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
FIRST_PAINT_LIMIT = 2000  # milliseconds; a window that is covered paints nothing
_LOG = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Opens the window; returns the exit code when it has been closed.

    What is slow (asyncio, settings, the history) is imported and opened after the first paint.
    """
    folders = paths.find(options.home)
    application = applications.create(sys.argv)
    if instance.is_held(folders.lock) and _hand_over(folders, options.file or ""):
        return EXIT_DONE
    applications.log_qt_messages()
    hooks = applications.ErrorHooks(folders.logs / "crash.log", application)
    window = MainWindow(paths.resources(), folders.models, *theme.peek(folders.settings))
    window.restore_place(folders.window_state)
    window.show()
    _wait_for_first_paint(window)
    from app.cli import console
    from app.errors import AlreadyRunning

    lock = instance.InstanceLock(folders.lock)
    try:
        with suppress(OSError):  # a folder that cannot be written: the banner will say so
            lock.acquire()
        return _Program(application, window, hooks, folders).run(options.file, lock)
    except AlreadyRunning as error:  # by a Hearth that does not answer
        console.complain(error)
        return EXIT_FAILED
    finally:
        hooks.remove()
        lock.release()


def _hand_over(folders: paths.Paths, file: str) -> bool:
    """Has the Hearth that is open come forward with the file; False if there is none."""
    from app.cli import console
    from app.ui import handover

    if not handover.hand_over(folders.data, file):
        return False
    console.say(f"Hearth is already open on {folders.data}: its window came to the front.")
    console.say("For a second one beside it: hearth --home FOLDER.")
    return True


def _wait_for_first_paint(window: MainWindow) -> None:
    loop = QEventLoop()
    window.painted.connect(loop.quit)
    QTimer.singleShot(FIRST_PAINT_LIMIT, loop, loop.quit)
    loop.exec()


async def _library_services(core: Core, stack: AsyncExitStack) -> LibraryServices:
    """The library with the downloads running; `stack` ends them."""
    from app.library.arrivals import Arrivals
    from app.library.pulls import Pulls
    from app.library.renewals import Renewals
    from app.llm.server_models import ServerModels
    from app.ui.library.services import LibraryServices

    arrivals = Arrivals(core.library, core.downloads)
    stack.push_async_callback(arrivals.aclose)
    stack.push_async_callback(core.downloads.aclose)
    await core.downloads.start()
    stack.callback(core.library.close)
    servers = ServerModels(core.manager.registry)
    pulls = Pulls(servers)
    stack.push_async_callback(pulls.aclose)
    return LibraryServices(
        library=core.library,
        trash=core.trash,
        hub=core.hub,
        downloads=core.downloads,
        servers=servers,
        pulls=pulls,
        renewals=Renewals(core.library.database),
        own_folder=core.paths.models,
        judging=core.judging,
    )


class _Program:
    """The objects of one run, from the first paint to the end."""

    def __init__(
        self,
        application: QApplication,
        window: MainWindow,
        hooks: applications.ErrorHooks,
        folders: paths.Paths,
    ) -> None:
        self._application = application
        self._window = window
        self._hooks = hooks
        self._folders = folders
        self._code = EXIT_DONE
        self._ended: asyncio.Event | None = None
        self._show_known: Callable[[HearthError], None] = lambda _error: None

    def run(self, file: str | None, lock: instance.InstanceLock) -> int:
        """Runs the event loop until the window is closed or a signal comes."""
        import asyncio

        from app import async_generators, log
        from app.event_loop import EventLoop

        with suppress(OSError):  # told by the banner, when the history is opened
            self._folders.create()
        handler = log.set_up(self._folders.logs)
        collector = applications.GarbageCollector(self._application)
        signals = applications.EndSignals(self._signalled, self._application)
        loop = EventLoop(self._application)
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(self._unhandled)
        generators = async_generators.follow(loop)
        try:
            with loop:
                loop.run_until_complete(self._main(file, lock))
                loop.run_until_complete(async_generators.close(generators))
                loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            async_generators.follow_no_more()
            asyncio.set_event_loop(None)
            signals.stop()
            collector.stop()
            log.tear_down(handler)
        return self._code

    async def _main(self, file: str | None, lock: instance.InstanceLock) -> None:
        """Builds what the window works with, and waits for the end.

        The stack takes it down in stages, also where the building fails: what was built last ends
        first, the window's own tasks before the runner, and the history last of all.
        """
        import asyncio
        from contextlib import AsyncExitStack

        from app import core as cores
        from app.chats.opening import open_history
        from app.chats.store import ChatStore
        from app.conversation.service import ConversationService
        from app.llm.idle import IdleUnload
        from app.llm.runner.thread import RunnerThread
        from app.ui.services import Services
        from app.ui.tasks import Tasks

        self._ended = asyncio.Event()
        window = self._window
        window.shell.complete()
        window.close_wanted.connect(self._ended.set)
        if window.is_closing:  # since before this
            self._ended.set()
        async with AsyncExitStack() as stack:
            stack.callback(window.deleteLater)
            database, problem = await open_history(self._folders.database)
            stack.push_async_callback(database.close)
            store = ChatStore(database)
            if lock.held:
                await store.recover()
            core = cores.build(self._folders)
            stack.enter_context(core.survey.ahead())  # the first load finds the facts
            thread = RunnerThread(core.worker, self._application)
            thread.start()
            stack.callback(thread.stop)
            stack.push_async_callback(core.manager.aclose)
            stack.push_async_callback(core.host.aclose)
            idle = IdleUnload(
                core.manager, lambda: core.settings.settings.models.unload_after_minutes
            )
            idle.start()
            stack.push_async_callback(idle.aclose)
            tasks = Tasks(self._failed)
            stack.push_async_callback(tasks.aclose)
            conversations = ConversationService(
                core.manager,
                store,
                lambda: core.settings.settings.chat,
                lambda: core.settings.settings.providers.chain(),
            )
            stack.push_async_callback(conversations.aclose)
            services = Services(
                core.manager,
                store,
                conversations,
                tasks,
                core.starter,
                core.setup,
                core.usage,
                core.host,
                core.credentials,
                core.paths,
                await _library_services(core, stack),
                core.plans_view,
                core.speedometer,
            )
            await self._serve(core, services, problem, file, stack, lock)

    async def _serve(
        self,
        core: Core,
        services: Services,
        problem: StorageError | None,
        file: str | None,
        stack: AsyncExitStack,
        lock: instance.InstanceLock,
    ) -> None:
        """Brings the window to life, until it is to end."""
        import asyncio

        from app.ui.controllers import Controllers
        from app.ui.handover import HandoverServer

        controllers = Controllers(self._window, services, core.settings)
        stack.callback(self._window.hide)
        stack.push_async_callback(controllers.aclose)
        self._hooks.show_with(controllers.show_bug)
        self._show_known = controllers.show_error
        second_starts = HandoverServer(self._folders.data, controllers.come_forward, self._window)
        stack.callback(second_starts.close)
        if lock.held:  # else a Hearth that is open may still bring back what it has deleted
            services.tasks.spawn(self._window, asyncio.to_thread(core.trash.empty))
        if problem is not None:
            controllers.show_error(problem)
        elif core.settings.problem:
            controllers.show_note(core.settings.problem)
        await controllers.start(file)
        if self._ended is not None:
            await self._ended.wait()

    def _signalled(self, number: int) -> None:
        import signal

        if number == signal.SIGINT:
            self._code = EXIT_INTERRUPTED
        if self._ended is not None:
            self._ended.set()

    def _failed(self, error: Exception) -> None:
        """A task of the window ended in an error."""
        if isinstance(error, HearthError):
            _LOG.info("told to the person: %s", error)
            self._show_known(error)
        else:
            self._hooks.handle(error)

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._hooks.handle(error)
        else:
            _LOG.error("the event loop says: %s", context.get("message"))

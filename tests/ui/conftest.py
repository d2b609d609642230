"""A window with real services around a scripted provider, on a real event loop."""

from __future__ import annotations

import asyncio
import gc
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget

from app import paths
from app.chats.database import Database
from app.chats.store import ChatStore
from app.conversation.service import ConversationService
from app.credentials import Credentials
from app.event_loop import EventLoop
from app.library import finding
from app.library import starter as starters
from app.library.catalog import Library
from app.library.database import LibraryDatabase
from app.library.downloads.queue import Downloads
from app.library.hub.access import Access
from app.library.hub.client import Hub
from app.library.judging import Judging
from app.library.pulls import Pulls
from app.library.renewals import Renewals
from app.library.stores.places import Places
from app.library.trash import Trash
from app.llm.hosting import ServerHost
from app.llm.manager import LLMManager
from app.llm.neighbours import FindServers
from app.llm.optimizer.survey import Survey, Surveys
from app.llm.plans_view import PlansView
from app.llm.providers.factory import ProviderFactory
from app.llm.providers.kinds import makers
from app.llm.registry import Registry
from app.llm.server_models import ServerModels
from app.llm.setup import ProviderSetup
from app.llm.speedometer import Speedometer
from app.llm.usage import UsageLedger
from app.net import OfflineLock
from app.schema import ModelRef
from app.settings import SettingsFile
from app.ui import theme as themes
from app.ui.controllers import Controllers
from app.ui.icons import Icons
from app.ui.library.services import LibraryServices
from app.ui.main_window import MainWindow
from app.ui.services import Services
from app.ui.tasks import Tasks
from tests.fakes.provider import FakeProvider

WIDGET = TypeVar("WIDGET", bound=QWidget)
PATIENCE = 20.0  # seconds

Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def until(condition: Callable[[], object]) -> None:
    """Waits until something is true, while the window lives."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


def settle() -> None:
    """Has Qt do what it put off: layouts, deletions."""
    QCoreApplication.sendPostedEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


@pytest.fixture
def run(qapp: QApplication) -> Iterator[Run]:
    """Runs a coroutine on Qt's event loop; nothing may be left running afterwards."""
    loop = EventLoop(qapp)
    asyncio.set_event_loop(loop)
    qapp.setStyle("Fusion")
    qapp.setQuitOnLastWindowClosed(False)
    with loop:
        yield loop.run_until_complete
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    assert not left, f"tasks are left: {left}"


@pytest.fixture(autouse=True)
def _no_widgets_left(qapp: QApplication) -> Iterator[None]:
    before = set(map(id, QApplication.topLevelWidgets()))
    yield
    settle()
    gc.collect()
    settle()
    left = [widget for widget in QApplication.topLevelWidgets() if id(widget) not in before]
    assert not left, f"widgets are left: {left}"


@pytest.fixture
def theme(qapp: QApplication) -> themes.Theme:
    folder = paths.resources() / "themes"
    loaded = themes.load(folder, themes.LIGHT)
    qapp.setPalette(loaded.palette())
    qapp.setStyleSheet(loaded.style_sheet(folder))
    return loaded


@pytest.fixture
def icons(theme: themes.Theme) -> Icons:
    return Icons(paths.resources() / "icons", theme)


@dataclass
class Desk:
    """The window, and everything behind it."""

    window: MainWindow
    services: Services
    provider: FakeProvider
    controllers: Controllers
    settings: SettingsFile
    database: Database
    errors: list[Exception] = field(default_factory=list)

    def find(self, kind: type[WIDGET], name: str) -> WIDGET:
        found = self.window.findChild(kind, name)
        assert found is not None, name
        return found

    @property
    def chat_id(self) -> int | None:
        return self.controllers._chat.chat_id

    async def idle(self) -> None:
        """Waits until no answer is being made here, nor about to be."""
        await until(lambda: self.services.tasks.running == 0)
        await until(lambda: self.services.conversations.running(self.chat_id) is None)
        await until(lambda: self.controllers._chat._drawing.exchange is None)
        await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Takes everything down; what hangs is named."""
        steps: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
            ("controllers", self.controllers.aclose),
            ("conversations", self.services.conversations.aclose),
            ("tasks", self.services.tasks.aclose),
            ("manager", self.services.manager.aclose),
            ("database", self.database.close),
        ]
        if self.services.host is not None:
            steps.insert(3, ("host", self.services.host.aclose))
        if (library := self.services.library) is not None:
            library.library.close()
            steps.insert(3, ("pulls", library.pulls.aclose))
            steps.insert(3, ("downloads", library.downloads.aclose))
        for name, step in steps:
            task = asyncio.ensure_future(step())
            await asyncio.wait([task], timeout=PATIENCE / 2)
            if not task.done():
                stacks = "\n".join(map(repr, asyncio.all_tasks()))
                raise AssertionError(f"{name} did not end:\n{stacks}")
            task.result()
        self.window.hide()
        self.window.deleteLater()
        for error in self.errors:
            traceback.print_exception(error)
        assert not self.errors, self.errors


@pytest.fixture
def desk(run: Run, tmp_path: Path) -> Iterator[Desk]:
    """The open window, with a model chosen from the list but not loaded."""
    made = run(open_desk(tmp_path))
    yield made
    run(made.close())
    settle()


@pytest.fixture
def local() -> FakeProvider:
    """In place of llama.cpp, where a test loads a model."""
    return FakeProvider()


async def open_library(
    home: Path,
    settings: SettingsFile,
    lock: OfflineLock,
    registry: Registry,
    survey: Surveys | None = None,
) -> LibraryServices:
    """The library over the home's own folder, with downloads that run."""
    database = LibraryDatabase(home / "library.sqlite3")
    shipped = starters.folder(paths.resources())
    places = Places(home)
    library = Library(
        database,
        lambda: finding.sought(settings.settings.models, home / "models", shipped),
        places,
    )

    async def token() -> str:
        return ""

    access = Access(lambda: settings.settings.hub, token, lock, {})
    downloads = Downloads(access, home / "downloads.json", lock)
    await downloads.start()
    servers = ServerModels(registry)
    return LibraryServices(
        library,
        Trash(database),
        Hub(access),
        downloads,
        servers,
        Pulls(servers),
        Renewals(database),
        home / "models",
        Judging(survey or Survey(lambda: None)),
    )


async def open_desk(
    home: Path,
    provider: FakeProvider | None = None,
    starter: ModelRef | None = None,
    find_servers: FindServers | None = None,
    local: FakeProvider | None = None,
    plans: PlansView | None = None,
    survey: Surveys | None = None,
) -> Desk:
    """The open window; `local` stands for the models in this process, where a test loads one.

    `plans` tells how they are loaded, where a test looks at that, and `survey` on what computer.
    """
    provider = provider or FakeProvider()
    settings = SettingsFile(home / "settings.json")
    errors: list[Exception] = []
    window = MainWindow(paths.resources(), home / "models", themes.LIGHT, 1.0)
    window.shell.complete()
    window.show()
    database = Database(home / "hearth.db")
    await database.open()
    store = ChatStore(database)
    lock, credentials = OfflineLock(), Credentials()
    factory = ProviderFactory(makers(lock))
    fixed = {"fake": provider, **({"local": local} if local is not None else {})}
    registry = Registry(fixed, factory, credentials.get)
    usage = UsageLedger(home / "usage.sqlite3")
    manager = LLMManager(registry, find_servers, usage=usage)
    host = ServerHost(home / "servers", registry)
    setup = ProviderSetup(settings, credentials, registry, factory, lock)
    conversations = ConversationService(manager, store, lambda: settings.settings.chat)
    library = await open_library(home, settings, lock, registry, survey)
    services = Services(
        manager,
        store,
        conversations,
        Tasks(errors.append),
        starter,
        setup,
        usage,
        host,
        credentials,
        paths.Paths(home, home, home / "cache"),
        library,
        plans,
        Speedometer(manager),
    )
    controllers = Controllers(window, services, settings)
    await controllers.start(None)
    return Desk(window, services, provider, controllers, settings, database, errors)

"""The models page as a whole: made when it is first opened, and told what happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from app.errors import HearthError
from app.library.records import Download, Kind, Snapshot
from app.ui.banner import Topic
from app.ui.library.downloads_controller import DownloadsController
from app.ui.library.renewal_controller import RenewalController

if TYPE_CHECKING:
    from app.library.trash import Deleted
    from app.schema import ModelRef
    from app.settings import SettingsFile
    from app.ui.library.finder_controller import FinderController
    from app.ui.library.library_controller import LibraryController
    from app.ui.library.page import ModelsPage
    from app.ui.library.servers_controller import ServersController
    from app.ui.library.services import LibraryServices
    from app.ui.main_window import MainWindow
    from app.ui.model_controller import ModelController
    from app.ui.services import Services
    from app.ui.shell import Shell

LOCAL = "local"  # the provider of files in this process


class Place(NamedTuple):
    """Where the person is on the page."""

    view: int
    words: str  # that the models here are searched for
    model: Path | None  # that is chosen


class ModelsController(QObject):
    """Connects the models page with the library, the Hub, the downloads and the servers."""

    def __init__(
        self,
        window: MainWindow,
        services: Services,
        library: LibraryServices,
        settings: SettingsFile,
        model: ModelController,
        load: Callable[[str], None],
        show_servers: Callable[[], None],
        look_again: Callable[[], None],
    ) -> None:
        """What comes from outside.

        `load` takes a model's reference and shows the chat; `show_servers` opens the page of
        servers; `look_again` looks at the disk at once.
        """
        super().__init__(window.shell)
        self._window = window
        self._services = services
        self._library = library
        self._settings = settings
        self._model = model
        self._load = load
        self._show_servers = show_servers
        self._look_again = look_again
        self._snapshot = Snapshot()
        self._loaded: ModelRef | None = None
        self._page: ModelsPage | None = None
        self._here: LibraryController | None = None
        self._finder: FinderController | None = None
        self._servers: ServersController | None = None
        self._stays = False  # the page, when the chat is shown anew
        self._downloads = DownloadsController(
            window, library.downloads, library.pulls, self._folder, self._ready, library.told
        )
        self._renewal = RenewalController(
            window, services, library, settings, self._downloads.fetch, self._retired
        )
        self._shell.downloads_line.pressed.connect(self.show_page)
        self._forget_model = services.manager.subscribe(lambda _state: self._model_changed())
        self._forget_pulls = library.pulls.subscribe(self._pulled)

    def detach(self) -> None:
        """Hears of nothing any more."""
        self._downloads.detach()
        self._forget_model()
        self._forget_pulls()
        self._page = self._here = self._finder = self._servers = None

    def show_page(self) -> None:
        """Opens the page."""
        page = self._page or self._make_page()
        self._stays = True  # a new look may be about to show the chat
        self._shell.show_page(page)
        page.show_top()
        self._look_again()

    def place(self) -> Place | None:
        """Where the person is on the page; None where it is not open."""
        if self._page is None or self._page.isHidden():
            return None
        here = self._page.library
        chosen = here.chosen()
        return Place(self._page.view, here.search.text(), chosen.path if chosen else None)

    def restore(self, place: Place) -> None:
        """Opens the page at a place, as before the window changed its look."""
        self._stays = True
        self.show_page()
        if self._page is not None:
            self._page.show_view(place.view)
            self._page.library.search.setText(place.words)
            if place.model is not None:
                self._page.library.choose(place.model)

    def come_back(self) -> None:
        """Shows the page again after the chat, unless the person has left it."""
        if self._page is not None and self._stays:
            self._shell.show_page(self._page)
            self._page.show_top()

    @property
    def _shell(self) -> Shell:
        """As the window looks now: what stands in a banner may be pressed after a change."""
        return self._window.shell

    def show(self, snapshot: Snapshot) -> None:
        """The models as the disk was last seen."""
        self._snapshot = snapshot
        self._renewal.look_if_due(snapshot.models)
        if self._here is not None:
            self._here.show(snapshot)

    def _make_page(self) -> ModelsPage:
        from app.ui.library.finder_controller import FinderController
        from app.ui.library.library_controller import LibraryController
        from app.ui.library.page import ModelsPage
        from app.ui.library.servers_controller import ServersController

        page = ModelsPage(self._shell.theme, self._shell.icons, self._shell)
        self._shell.add_page(page)
        self._page = page
        page.left.connect(self._leave)
        page.open_wanted.connect(self._model.ask_for_file)
        page.servers_wanted.connect(self._show_servers)
        page.finder.page_wanted.connect(self._open_web_page)
        self._downloads.show_in(page.downloads)
        self._here = LibraryController(
            page,
            self._shell,
            self._services,
            self._library,
            self._settings,
            self._load,
            self._look_again,
            lambda model: self._renewal.look([model]),
        )
        self._finder = FinderController(
            page,
            self._library.hub,
            self._services.tasks,
            self._window.resources,
            self._downloads.fetch,
            self._library.judging,
        )
        self._servers = ServersController(
            page,
            self._shell,
            self._services.tasks,
            self._library.servers,
            self._library.pulls,
            self._load,
            self._refresh_models,
        )
        self._here.show(self._snapshot)
        return page

    def _folder(self) -> Path:
        """Where downloads go."""
        chosen = self._settings.settings.models.download_folder.strip()
        return Path(chosen).expanduser() if chosen else self._library.own_folder

    def _ready(self, download: Download) -> None:
        """A model has come whole: it is in the list, and one press loads it."""
        self._refresh_models()
        if not download.files:  # a server has fetched it
            self._shell.banner.show_note(Topic.OTHER, f"{download.model.name} is there now.")
            return
        self._look_again()
        self._renewal.arrived(download)
        ref = f"{LOCAL}:{download.files[0]}"
        self._shell.banner.show_note(
            Topic.OTHER,
            f"{download.model.name} is here and checked.",
            action="Load it" if download.model.kind is Kind.CHAT else "",
            run=lambda: self._load(ref),
        )

    def _refresh_models(self) -> None:
        self._services.tasks.spawn(self, self._model.refresh())

    def _pulled(self, pulls: Sequence[Download]) -> None:
        if self._servers is not None:
            self._servers.pulled(pulls)

    def _retired(self, deleted: Deleted) -> None:
        """The old version of a model went; it can be brought back until the next start."""
        self._library.deleted.append(deleted)
        if self._here is not None:
            self._here.show_deleted()
        self._shell.banner.show_note(
            Topic.OTHER,
            f"The new version of {deleted.model.name} works, so the old one was deleted. Until the "
            "next start the models page can bring it back.",
        )
        self._look_again()

    def _model_changed(self) -> None:
        loaded = self._services.manager.state.loaded
        ref = loaded.info.ref if loaded is not None else None
        if ref == self._loaded:  # another step of a load
            return
        self._loaded = ref
        if ref is not None and ref.provider == LOCAL:
            self._renewal.loaded(Path(ref.model))
        if self._here is not None:
            self._here.in_use_changed()

    def _leave(self) -> None:
        self._stays = False
        self._shell.leave_page()
        self._shell.composer.editor.setFocus()

    def _open_web_page(self, address: str) -> None:
        if not QDesktopServices.openUrl(QUrl(address)):
            error = HearthError("No web browser could be opened.", f"The page is {address}.")
            self._shell.banner.show_error(Topic.OTHER, error)

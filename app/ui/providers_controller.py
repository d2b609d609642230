"""The servers and services: found, set up, started, and chosen from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app import wording
from app.errors import HearthError
from app.ui.banner import Topic
from app.ui.provider_form import ProviderForm
from app.ui.usage_view import DAYS

if TYPE_CHECKING:
    from app.llm.environment import Offer
    from app.llm.model_list import Listing
    from app.schema import FoundServer, InstalledServer
    from app.settings import ProviderSettings, SettingsFile
    from app.ui.model_controller import ModelController
    from app.ui.providers_page import ProvidersPage
    from app.ui.services import Services
    from app.ui.shell import Shell

LIST_TRIES = 4  # each waits up to a second for the models of a server that was just found


class ProvidersController(QObject):
    """Connects the page of servers and services with the LLM manager and the settings."""

    def __init__(
        self,
        shell: Shell,
        services: Services,
        settings: SettingsFile,
        model: ModelController,
        show_found: Callable[[Mapping[str, int]], bool],
    ) -> None:
        """`show_found` shows the servers with their models, where there is a place for it."""
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._settings = settings
        self._model = model
        self._show_found = show_found
        self._page: ProvidersPage | None = None
        self._form = ProviderForm(shell, services, self._fill)
        shell.header.picker.providers_wanted.connect(self.show_page)
        self._forget_crashes: Callable[[], None] = lambda: None
        if services.host is not None:
            self._forget_crashes = services.host.on_crash(self._server_crashed)

    def detach(self) -> None:
        """Hears of no server any more."""
        self._forget_crashes()

    def show_page(self) -> None:
        """Opens the page, and asks all servers."""
        page = self._page or self._make_page()
        page.show_providers(None)
        providers = self._settings.settings.providers
        page.show_switches(discover=providers.discover, offline=providers.stay_offline)
        self._shell.show_page(page)
        page.show_top()
        self.refresh()

    def refresh(self) -> None:
        """Asks all servers anew."""
        self._spawn(self._fill())

    def start(self) -> None:
        """Looks for servers when the window opens, where that is wanted."""
        self._spawn(self._name_left_behind())
        providers, manager = self._settings.settings.providers, self._services.manager
        if not providers.discover:
            self._spawn(manager.stop_watching())
        elif providers.watch:
            manager.watch(lambda: self._spawn(self._take_found()))
            if manager.found:  # by the look of the window before this one
                self._spawn(self._take_found())
        else:
            self._spawn(self._discover())

    async def _name_left_behind(self) -> None:
        """Says which servers of an earlier Hearth run on, and offers to end them."""
        host = self._services.host
        left = await host.left_behind() if host is not None else []
        if left:
            names = " and ".join(sorted({server.title for server in left}))
            self._shell.banner.show_note(
                Topic.LEFT_BEHIND,
                f"An earlier Hearth started {names} and could not stop it: it still runs.",
                "\n".join(f"{server.title}: {server.url}, process {server.pid}" for server in left),
                "Stop it" if len(left) == 1 else "Stop them",
                lambda: self._spawn(self._stop_left_behind()),
            )

    async def _stop_left_behind(self) -> None:
        if self._services.host is not None:
            await self._services.host.stop_left_behind()
        self._shell.banner.clear(Topic.LEFT_BEHIND)

    async def _discover(self) -> None:
        await self._services.manager.servers()
        await self._take_found()

    async def _take_found(self) -> None:
        """Has the models of the servers in the list, and names new servers once."""
        found = self._services.manager.found
        for _ in range(LIST_TRIES):
            await self._model.refresh()
            if all(self._listing(server) for server in found):
                break
        counts = {server.name: self._models_of(server) for server in found}
        is_shown = self._show_found(counts)
        greeted = self._settings.settings.providers.greeted
        fresh = {name: count for name, count in counts.items() if name not in greeted}
        if fresh and not is_shown:
            said = " and ".join(wording.server(*one) for one in fresh.items())
            self._shell.banner.show_note(
                Topic.OTHER, f"Found {said}. Choose one with the model's button above."
            )
        if fresh:
            self._settings.settings.providers.greeted = (*greeted, *fresh)
            self._save_settings()

    def _models_of(self, server: FoundServer) -> int:
        """How many models a server has, as its list was last."""
        listing = self._listing(server)
        return len(listing.models) if listing is not None else 0

    def _listing(self, server: FoundServer) -> Listing | None:
        """What a server said of its models last; None where it has not been heard yet."""
        manager = self._services.manager
        for name, endpoint in manager.registry.endpoints.items():
            if endpoint.url == server.url:
                return manager.listings.get(name)
        return None

    def _make_page(self) -> ProvidersPage:
        from app.ui.providers_page import ProvidersPage

        page = ProvidersPage(self._shell.theme, self._shell.icons, self._shell)
        self._shell.add_page(page)
        page.left.connect(self._leave)
        page.model_chosen.connect(self._choose)
        page.add_wanted.connect(self._form.add)
        page.edit_wanted.connect(self._form.edit)
        page.remove_wanted.connect(lambda name: self._spawn(self._remove(name)))
        page.offer_accepted.connect(lambda offer: self._spawn(self._accept(offer)))
        page.start_wanted.connect(lambda program, path: self._spawn(self._start(program, path)))
        page.stop_wanted.connect(lambda name: self._spawn(self._stop(name)))
        page.log_wanted.connect(self._show_log)
        page.refresh_wanted.connect(self.refresh)
        page.discover_changed.connect(self._set_discover)
        page.offline_changed.connect(self._set_offline)
        self._page = page
        return page

    async def _fill(self) -> None:
        page, services = self._page, self._services
        if page is None:
            return
        setup = services.setup
        if self._settings.settings.providers.discover:
            await services.manager.servers()
        page.show_offers(setup.offers(os.environ) if setup else ())
        found = await services.manager.providers()
        installed = await services.manager.installed()
        files = [
            model
            for one in found
            for model in one.models
            if not model.provider and model.ref != services.starter
        ]
        started = {server.name for server in services.host.running()} if services.host else set()
        page.show_providers(found, installed, frozenset(started), files)
        if services.usage is not None:
            days = await services.usage.read(date.today() - timedelta(days=DAYS - 1))  # noqa: DTZ011
            prices = {
                one.name: (one.prompt_price, one.answer_price)
                for one in self._settings.settings.providers.configured
            }
            clouds = frozenset(one.name for one in found if one.is_cloud)
            page.show_use(days, prices, clouds)
        await self._model.refresh()

    def _choose(self, ref: str) -> None:
        self._leave()
        self._model.choose(ref)

    def _leave(self) -> None:
        self._shell.leave_page()
        self._shell.composer.editor.setFocus()

    async def _remove(self, name: str) -> None:
        """Takes a provider away; for eight seconds it can come back, with its key."""
        setup, keys = self._services.setup, self._services.credentials
        settings = setup.configured(name) if setup is not None else None
        if setup is None or settings is None:
            return
        key = await keys.get(name) if keys is not None else ""
        try:
            await setup.remove(name)
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)
        else:
            titles = {kind.kind: kind.title for kind in setup.kinds()}
            title = settings.title or titles.get(settings.kind, name)
            self._shell.toast.show_undo(
                f"Removed “{title}”", lambda: self._spawn(self._put_back(settings, key))
            )
        await self._fill()

    async def _put_back(self, settings: ProviderSettings, key: str) -> None:
        if self._services.setup is None:
            return
        try:
            await self._services.setup.save(settings, key or None)
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)
        await self._fill()

    async def _accept(self, offer: Offer) -> None:
        if self._services.setup is None:
            return
        try:
            kept = await self._services.setup.accept(offer)
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)
            return
        if not kept:
            self._shell.banner.show_note(
                Topic.SETTINGS,
                f"No keyring works here: the key of {offer.title} lasts until Hearth is closed.",
            )
        await self._fill()

    async def _start(self, program: InstalledServer, path: str) -> None:
        """Starts an installed server; it is stopped with Hearth."""
        if self._services.host is None:
            return
        self._shell.banner.show_note(Topic.OTHER, f"Starting {program.name}…")
        try:
            await self._services.host.start(program, path)
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)
        else:
            self._shell.banner.clear(Topic.OTHER)
        await self._fill()

    async def _stop(self, name: str) -> None:
        if self._services.host is not None:
            await self._services.host.stop(name)
            await self._fill()

    def _show_log(self, name: str) -> None:
        if self._services.host is not None:
            lines = "\n".join(self._services.host.log_of(name)) or "It has written nothing yet."
            self._shell.banner.show_note(Topic.OTHER, f"The log of {name}:", lines)

    def _server_crashed(self, error: HearthError) -> None:
        self._shell.banner.show_error(Topic.OTHER, error)
        if self._page is not None:
            self.refresh()

    def _set_discover(self, wanted: bool) -> None:  # noqa: FBT001 - a Qt slot
        self._settings.settings.providers.discover = wanted
        self._save_settings()
        self.start()
        self.refresh()

    def _set_offline(self, wanted: bool) -> None:  # noqa: FBT001 - a Qt slot
        if self._services.setup is not None:
            try:
                self._services.setup.stay_offline(offline=wanted)
            except HearthError as error:
                self._shell.banner.show_error(Topic.SETTINGS, error)
            self.refresh()

    def _save_settings(self) -> None:
        try:
            self._settings.save()
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)

    def _spawn(self, coroutine: object) -> None:
        self._services.tasks.spawn(self, coroutine)  # type: ignore[arg-type]

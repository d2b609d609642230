"""Model servers and services: what runs here, what was set up, and how much each was used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QMenu, QWidget

from app.ui.controls import text_button
from app.ui.page import Page, Row
from app.ui.usage_view import UsageView

if TYPE_CHECKING:
    from app.llm.environment import Offer
    from app.llm.overview import ProviderStatus
    from app.llm.usage import DayOfUse
    from app.schema import InstalledServer, ModelInfo
    from app.ui.icons import Icons
    from app.ui.theme import Theme
    from app.ui.usage_view import Prices

INTRODUCTION = (
    "Hearth runs model files itself and needs none of this. It can also chat with model servers, "
    "on this computer or elsewhere, and with cloud services that you have a key for."
)
DISCOVER = "Finds model servers on this computer, and notices those that come and go."
OFFLINE = "Reaches no other computer, whatever is set up."
STARTED_WITH_MODEL = ("llama-server", "localai", "mistral-rs")
CLOUD = "cloud: what you write is sent to its computers"


class ProvidersPage(Page):
    """Rows of servers with what can be done with each."""

    model_chosen = Signal(str)  # a model reference
    edit_wanted = Signal(str)  # a provider's name
    remove_wanted = Signal(str)
    add_wanted = Signal()
    offer_accepted = Signal(object)  # an Offer
    start_wanted = Signal(object, str)  # an InstalledServer, and the path of a model or ""
    stop_wanted = Signal(str)  # the name of a provider that Hearth has started
    log_wanted = Signal(str)
    refresh_wanted = Signal()
    discover_changed = Signal(bool)
    offline_changed = Signal(bool)

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__("Model servers and services", "providers", icons, parent)
        self.add_paragraph(INTRODUCTION)
        add = text_button("Add a server or service…", "secondary", self.inside, "addProviderButton")
        add.clicked.connect(self.add_wanted)
        self.column.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)
        self._here = self.add_section("Found on this computer", "providersHere")
        self._own = self.add_section("Set up by you", "providersOwn")
        self._offers = self.add_section("Offered by your environment", "providersOffers")
        self._switches()
        self._use = self.add_section("Use in the last 30 days", "providersUse")
        self._view = UsageView(theme, self)
        self._use.add_widget(self._view)
        self.column.addStretch(1)
        self.show_offers(())

    def show_switches(self, *, discover: bool, offline: bool) -> None:
        """What is set."""
        for box, value in ((self._discover, discover), (self._offline, offline)):
            box.blockSignals(True)
            box.setChecked(value)
            box.blockSignals(False)

    def show_providers(
        self,
        found: Sequence[ProviderStatus] | None,
        installed: Sequence[InstalledServer] = (),
        started: frozenset[str] = frozenset(),
        models: Sequence[ModelInfo] = (),
    ) -> None:
        """The servers as they answered; None while they are asked.

        `started` are the names of those that Hearth has started, and `models` the files here that
        a program can be started with.
        """
        self._here.clear()
        self._own.clear()
        if found is None:
            self._here.say("Looking on this computer…")
            self._own.setVisible(False)
            return
        servers = [one for one in found if not one.is_own]
        for one in (one for one in servers if one.is_found):
            row = self._here.add_row(one.title, _facts(one, is_own=one.name in started))
            self._add_server(row, one)
            if one.name in started:
                self._add_started(row, one.name)
        running = {one.kind for one in servers if one.health.works}
        for program in (program for program in installed if program.kind not in running):
            self._add_installed(program, models)
        if not any(one.is_found for one in servers) and not installed:
            self._here.say("None was found. Hearth needs none: it runs model files itself.")
        own = [one for one in servers if not one.is_found]
        self._own.setVisible(bool(own))
        for one in own:
            row = self._own.add_row(one.title, _facts(one))
            self._add_server(row, one)
            self._add_own(row, one)

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """What environment variables describe; nothing of it is used until it is added."""
        self._offers.clear()
        self._offers.setVisible(bool(offers))
        for offer in offers:
            verb = "is" if len(offer.variables) == 1 else "are"
            facts = f"{' and '.join(offer.variables)} {verb} set on this computer"
            facts += f" · {CLOUD}" if offer.is_cloud else ""
            row = self._offers.add_row(offer.title, facts)
            button = row.add_button(f"Add {offer.title}", "acceptOfferButton")
            button.clicked.connect(
                lambda _checked=False, offer=offer: self.offer_accepted.emit(offer)
            )

    def show_use(
        self, days: Sequence[DayOfUse], prices: Prices, clouds: frozenset[str] = frozenset()
    ) -> None:
        """What was used, per model and day; `clouds` are the names of cloud services."""
        self._view.show_days(days, prices, clouds)

    def _switches(self) -> None:
        self._discover = QCheckBox("Look for servers here", self.inside)
        self._discover.setObjectName("discoverSwitch")
        self._discover.toggled.connect(self.discover_changed)
        self._offline = QCheckBox("Stay offline", self.inside)
        self._offline.setObjectName("offlineSwitch")
        self._offline.toggled.connect(self.offline_changed)
        self.column.addSpacing(8)
        self.column.addWidget(self._discover)
        self.add_paragraph(DISCOVER)
        self.column.addWidget(self._offline)
        self.add_paragraph(OFFLINE)

    def _add_server(self, row: Row, one: ProviderStatus) -> None:
        """The models of a server, or another try where it does not answer."""
        if not one.is_enabled:
            return
        if not one.health.works:
            again = row.add_button("Try again", "retryProviderButton")
            again.clicked.connect(self.refresh_wanted)
        elif one.models:
            button = row.add_button("Choose a model", "chooseServerModelButton")
            menu = QMenu(button)
            for model in sorted(one.models, key=lambda each: each.ref.model != one.default_model):
                name = model.title.replace("&", "&&")
                is_default = model.ref.model == one.default_model
                action = menu.addAction(f"{name} (default)" if is_default else name)
                action.triggered.connect(
                    lambda _checked=False, ref=str(model.ref): self.model_chosen.emit(ref)
                )
            button.setMenu(menu)

    def _add_own(self, row: Row, one: ProviderStatus) -> None:
        edit = row.add_button("Settings…", "editProviderButton", "link")
        edit.clicked.connect(lambda: self.edit_wanted.emit(one.name))
        remove = row.add_button("Remove", "removeProviderButton", "link")
        remove.clicked.connect(lambda: self.remove_wanted.emit(one.name))

    def _add_started(self, row: Row, name: str) -> None:
        log = row.add_button("Log", "serverLogButton", "link")
        log.clicked.connect(lambda: self.log_wanted.emit(name))
        stop = row.add_button("Stop it", "stopServerButton", "link")
        stop.clicked.connect(lambda: self.stop_wanted.emit(name))

    def _add_installed(self, program: InstalledServer, models: Sequence[ModelInfo]) -> None:
        facts = " · ".join(filter(None, (program.version, "installed, not running", program.path)))
        row = self._here.add_row(program.name, facts)
        if program.kind == "ollama":
            start = row.add_button("Start it", "startServerButton")
            start.clicked.connect(lambda: self.start_wanted.emit(program, ""))
        elif program.kind in STARTED_WITH_MODEL and models:
            start = row.add_button("Start it with", "startServerButton")
            menu = QMenu(start)
            for model in models:
                action = menu.addAction(model.title.replace("&", "&&"))
                action.triggered.connect(
                    lambda _checked=False, path=model.ref.model: self.start_wanted.emit(
                        program, path
                    )
                )
            start.setMenu(menu)


def _facts(one: ProviderStatus, *, is_own: bool = False) -> str:
    """What is known of a server, in a line."""
    if not one.health.works:
        said = (one.health.message or "It does not answer now.").removesuffix(".")
        parts = [said, "" if one.url in said else one.url]
    else:
        count = len(one.models)
        parts = [
            one.health.version,
            "1 model" if count == 1 else f"{count:,} models",
            one.url,
        ]
    if is_own:
        parts.append("started by Hearth, which stops it when it closes")
    if one.is_cloud:
        parts.append(CLOUD)
    return " · ".join(filter(None, parts))

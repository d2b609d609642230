"""Opens the form of a provider, and has what is typed there tested and kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app import credentials
from app.errors import HearthError

if TYPE_CHECKING:
    from app.llm.setup import ProviderSetup
    from app.settings import ProviderSettings
    from app.ui.provider_dialog import ProviderDialog
    from app.ui.services import Services
    from app.ui.shell import Shell


class ProviderForm(QObject):
    """One form at a time, over the window."""

    def __init__(
        self, shell: Shell, services: Services, on_saved: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._on_saved = on_saved

    def add(self) -> None:
        """Opens an empty form."""
        if (setup := self._services.setup) is not None:
            self._spawn(self._open(setup, setup.new("openai-compatible"), is_new=True))

    def edit(self, name: str) -> None:
        """Opens the form of a provider that is set up."""
        setup = self._services.setup
        settings = setup.configured(name) if setup else None
        if setup is not None and settings is not None:
            self._spawn(self._open(setup, settings, is_new=False))

    async def _open(
        self, setup: ProviderSetup, settings: ProviderSettings, *, is_new: bool
    ) -> None:
        from app.ui.provider_dialog import ProviderDialog

        dialog = ProviderDialog(
            setup.kinds(),
            settings,
            is_new=is_new,
            has_key=not is_new and await setup.has_key(settings.name),
            keyring_works=credentials.status().works,
            icons=self._shell.icons,
            parent=self._shell,
        )
        dialog.saved.connect(lambda made, key: self._spawn(self._save(setup, dialog, made, key)))
        dialog.tested.connect(lambda made, key: self._spawn(self._test(setup, dialog, made, key)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    async def _save(
        self,
        setup: ProviderSetup,
        dialog: ProviderDialog,
        settings: ProviderSettings,
        key: str | None,
    ) -> None:
        if setup.configured(settings.name) is None:  # its name follows the kind that was chosen
            name = setup.new(settings.kind, settings.url).name
            settings = settings.model_copy(update={"name": name})
        try:
            await setup.save(settings, key)
        except HearthError as error:
            dialog.show_error(str(error))
            return
        dialog.accept()
        await self._on_saved()

    async def _test(
        self,
        setup: ProviderSetup,
        dialog: ProviderDialog,
        settings: ProviderSettings,
        key: str | None,
    ) -> None:
        dialog.show_health(await setup.test(settings, key))

    def _spawn(self, coroutine: object) -> None:
        self._services.tasks.spawn(self, coroutine)  # type: ignore[arg-type]

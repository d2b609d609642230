"""The one file of the settings: versioned, written atomically, kept aside when damaged."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from app import storage
from app.errors import StorageError
from app.settings.everything import Settings
from app.settings.salvage import salvaged
from app.settings_migrations import VERSION, migrated

_LOG = logging.getLogger(__name__)


class SettingsFile:
    """Reads and writes the settings; what cannot be read is kept beside the new file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""  # a sentence for the person, where reading went wrong
        self._saving = threading.Lock()  # what is written last is what was set last
        self.settings = self._read()

    def save(self) -> None:
        """Writes the file, from any thread. Raises StorageError where that fails."""
        try:
            with self._saving:
                storage.write_atomically(self.path, self.settings.model_dump_json(indent=2) + "\n")
        except OSError as error:
            raise StorageError(
                f"The settings could not be saved in {self.path.parent}.",
                "Check that the folder can be written and that its drive is not full.",
                str(error),
            ) from error

    def _read(self) -> Settings:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            self.problem = f"The settings could not be read ({error.strerror}); defaults are used."
            return Settings()
        except ValueError:  # no UTF-8
            return self._replaced("were damaged")
        try:
            data = json.loads(text)
            if int(data.get("version", 1)) > VERSION:
                return self._replaced("were written by a newer Hearth")
            before, said = data.get("version", 1), migrated(data)
        except (ValueError, TypeError, AttributeError) as error:
            _LOG.info("damaged settings: %s", error)
            return self._replaced("were damaged")
        settings, lost = salvaged(data)
        if lost:
            where = self._set_aside()
            names = ", ".join(lost)
            said.append(f"Some settings were damaged and are reset: {names}. {where}")
        elif before != VERSION:
            self._write_anew(settings)
        self.problem = " ".join(said)
        return settings

    def _write_anew(self, settings: Settings) -> None:
        """Keeps the migrated settings, so that nothing of the old form stays on the disk."""
        try:
            storage.write_atomically(self.path, settings.model_dump_json(indent=2) + "\n")
        except OSError as error:
            _LOG.info("the migrated settings could not be written: %s", error)

    def _replaced(self, why: str) -> Settings:
        self.problem = f"The settings {why}, so defaults are used. {self._set_aside()}"
        return Settings()

    def _set_aside(self) -> str:
        """Keeps the file as it is under another name, and says where."""
        backup = self.path.with_name(self.path.name + ".bak")
        try:
            self.path.replace(backup)
        except OSError:
            return f"The old file is still {self.path}."
        return f"The old file is kept as {backup.name}."

"""The person's settings: typed, in one versioned file that is written atomically."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app import storage
from app.errors import StorageError
from app.schema import Sampling

VERSION = 1
MAX_RECENT = 12
_LOG = logging.getLogger(__name__)


class _Section(BaseModel):
    model_config = ConfigDict(extra="ignore", validate_assignment=True)


class Appearance(_Section):
    """How the window looks."""

    theme: Literal["system", "light", "dark"] = "system"
    text_size: float = Field(default=1.0, ge=0.8, le=2.0)  # a factor on every font


class ChatDefaults(_Section):
    """What a new chat begins with; None for a number means llama.cpp's own default."""

    system_prompt: str = ""
    temperature: float = Field(default=Sampling().temperature, ge=0, le=5)
    top_k: int = Field(default=Sampling().top_k, ge=0)
    top_p: float = Field(default=Sampling().top_p, gt=0, le=1)
    min_p: float = Field(default=Sampling().min_p, ge=0, le=1)
    repeat_penalty: float = Field(default=Sampling().repeat_penalty, gt=0, le=2)
    seed: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] = ()

    def sampling(self) -> Sampling:
        """These defaults as a request takes them."""
        return Sampling(**self.model_dump(exclude={"system_prompt"}))


class Models(_Section):
    """Which model files the person uses."""

    selected: str = ""  # a model reference; none stands for the starter
    recent: tuple[str, ...] = ()  # paths, the latest first

    def opened(self, path: str) -> None:
        """Puts a file at the head of the recent ones."""
        rest = [known for known in self.recent if known != path]
        self.recent = (path, *rest)[:MAX_RECENT]


class Guide(_Section):
    """What helps with the first steps, until it is dismissed; Help brings it back."""

    suggestions: bool = True  # three questions for the starter
    bar: bool = True  # the ways to a larger model


class Settings(_Section):
    """Everything a person can set."""

    version: int = VERSION
    appearance: Appearance = Field(default_factory=Appearance)
    chat: ChatDefaults = Field(default_factory=ChatDefaults)
    models: Models = Field(default_factory=Models)
    guide: Guide = Field(default_factory=Guide)


class SettingsFile:
    """Reads and writes the settings; what cannot be read is kept beside the new file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""  # a sentence for the person, where reading went wrong
        self.settings = self._read()

    def save(self) -> None:
        """Writes the file. Raises StorageError where that fails."""
        try:
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
        try:
            data = json.loads(text)
            if isinstance(data, dict) and int(data.get("version", 1)) > VERSION:
                return self._replaced("were written by a newer Hearth")
            return Settings.model_validate(data)
        except (ValueError, TypeError, ValidationError) as error:
            _LOG.info("damaged settings: %s", error)
            return self._replaced("were damaged")

    def _replaced(self, why: str) -> Settings:
        backup = self.path.with_name(self.path.name + ".bak")
        try:
            self.path.replace(backup)
            where = f"the old file is kept as {backup.name}"
        except OSError:
            where = f"the old file is still {self.path}"
        self.problem = f"The settings {why}, so defaults are used; {where}."
        return Settings()

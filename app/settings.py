"""The person's settings: typed, in one versioned file that is written atomically."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app import storage
from app.errors import StorageError
from app.schema import MAX_SCALE, Adapter, Endpoint, ModelRef, Sampling
from app.settings_migrations import SECRET_PARAMETERS, VERSION, migrated

SALVAGE_ROUNDS = 5  # what is left out may show what else is damaged
MAX_RECENT = 12
STARTER = "starter"  # in place of a reference: it moves with the program
SECRET_HEADERS = (
    "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie",
)  # fmt: skip
_LOG = logging.getLogger(__name__)


class _Section(BaseModel):
    # What does not fit is not quoted: it may be a key in the wrong place.
    model_config = ConfigDict(extra="ignore", validate_assignment=True, hide_input_in_errors=True)


class Appearance(_Section):
    """How the window looks."""

    theme: Literal["system", "light", "dark"] = "system"
    text_size: float = Field(default=1.0, ge=0.8, le=2.0)  # a factor on every font
    language: str = "en"  # of the translations that ship with Hearth


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


class AdapterSetting(_Section):
    """A LoRA adapter that is loaded with a model."""

    path: str
    scale: float = Field(default=1.0, ge=-MAX_SCALE, le=MAX_SCALE)


class Models(_Section):
    """Which model files the person uses."""

    selected: str = ""  # a model reference; none stands for the starter
    embedding: str = ""  # the reference of the model that turns texts into vectors; none: selected
    adapters: dict[str, tuple[AdapterSetting, ...]] = Field(default_factory=dict)  # by model path
    recent: tuple[str, ...] = ()  # paths, the latest first
    unload_after_minutes: float = Field(default=0.0, ge=0)  # of idleness; 0: never
    default: str = ""  # a reference, or STARTER, to start with; none: the one used last
    optimize: bool = True  # choose threads and context for this computer; else llama.cpp's own
    folders: tuple[str, ...] = ()  # where the person keeps models, beside Hearth's own folder
    download_folder: str = ""  # where downloads go; none: Hearth's own
    other_programs: bool = True  # use the models that other programs have fetched
    names: dict[str, str] = Field(default_factory=dict)  # the person's own, by model path

    @property
    def at_start(self) -> str:
        """The reference of the model that Hearth starts with; "" and STARTER are no references."""
        return self.default or self.selected

    def adapters_of(self, path: str) -> tuple[Adapter, ...]:
        """The adapters that are loaded with the model file at `path`."""
        return tuple(
            Adapter(str(Path(one.path).expanduser()), one.scale)
            for one in self.adapters.get(path, ())
        )

    def opened(self, path: str) -> None:
        """Puts a file at the head of the recent ones."""
        rest = [known for known in self.recent if known != path]
        self.recent = (path, *rest)[:MAX_RECENT]


class Hub(_Section):
    """Where models are searched and fetched, and how fast."""

    endpoint: str = ""  # a mirror's address; none: HF_ENDPOINT, else huggingface.co
    proxy: str = ""  # none: the system's
    ca_file: str = ""  # certificates to trust beside the system's
    speed_limit: int = Field(default=0, ge=0)  # bytes per second; 0: none
    look_for_changes: bool = False  # ask once a week whether fetched models changed at their source
    looked_at: datetime | None = None  # for such changes, the last time

    @field_validator("endpoint", "proxy")
    @classmethod
    def _without_password(cls, url: str) -> str:
        return _without_password(url)


class ProviderSettings(_Section):
    """A server that the person added; its key is in the keyring and never here."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")  # the provider's part of a reference
    kind: str
    url: str = ""  # none stands for the kind's usual address
    title: str = ""
    enabled: bool = True
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)
    models: tuple[str, ...] = ()  # in place of the server's own list
    default_model: str = ""
    verify: bool = True
    ca_file: str = ""
    proxy: str = ""
    connect_seconds: float = Field(default=5.0, gt=0)
    reply_seconds: float = Field(default=30.0, gt=0)
    silence_seconds: float = Field(default=300.0, gt=0)
    context: int = Field(default=0, ge=0)  # tokens; 0: as the server does by itself
    device: str = ""  # of a model in this process; none stands for the best there is
    requests_per_minute: int = Field(default=0, ge=0)  # 0: no limit
    tokens_per_minute: int = Field(default=0, ge=0)
    prompt_price: float = Field(default=0.0, ge=0)  # per million tokens, in the person's currency
    answer_price: float = Field(default=0.0, ge=0)

    @field_validator("headers")
    @classmethod
    def _without_secrets(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if name.strip().lower() in SECRET_HEADERS:
                raise ValueError(f"{name} holds a key: give it as the provider's key instead")
        return headers

    @field_validator("query")
    @classmethod
    def _without_keys(cls, query: dict[str, str]) -> dict[str, str]:
        for name in query:
            if name.strip().lower() in SECRET_PARAMETERS:
                raise ValueError(f"{name} holds a key: give it as the provider's key instead")
        return query

    @field_validator("url", "proxy")
    @classmethod
    def _without_password(cls, url: str) -> str:
        return _without_password(url)

    def endpoint(self) -> Endpoint:
        """As the providers take it, without its key."""
        return Endpoint(
            name=self.name,
            kind=self.kind,
            url=self.url,
            title=self.title,
            headers=tuple(self.headers.items()),
            query=tuple(self.query.items()),
            models=self.models,
            verify=self.verify,
            ca_file=self.ca_file,
            proxy=self.proxy,
            connect_seconds=self.connect_seconds,
            reply_seconds=self.reply_seconds,
            silence_seconds=self.silence_seconds,
            context=self.context,
            device=self.device,
            default_model=self.default_model,
            is_enabled=self.enabled,
        )


class Providers(_Section):
    """Where models may live beside this program's own files."""

    discover: bool = True  # look for servers on this computer by itself
    watch: bool = True  # and notice those that come and go
    stay_offline: bool = False  # reach no other computer
    configured: tuple[ProviderSettings, ...] = ()
    fallback: tuple[str, ...] = ()  # model references, asked in this order when one fails
    greeted: tuple[str, ...] = ()  # servers that were announced once

    def named(self, name: str) -> ProviderSettings | None:
        """What the person set for a provider."""
        return next((one for one in self.configured if one.name == name), None)

    def put(self, provider: ProviderSettings) -> None:
        """Adds a provider, in place of one of the same name."""
        rest = [one for one in self.configured if one.name != provider.name]
        self.configured = (*rest, provider)

    def remove(self, name: str) -> None:
        """Takes a provider away."""
        self.configured = tuple(one for one in self.configured if one.name != name)

    def chain(self) -> list[ModelRef]:
        """The models that step in, one after the other."""
        return [ref for text in self.fallback if (ref := ModelRef.parse(text)) is not None]

    def endpoints(self) -> list[Endpoint]:
        """What the person set up, in use or not."""
        return [one.endpoint() for one in self.configured]


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
    hub: Hub = Field(default_factory=Hub)
    guide: Guide = Field(default_factory=Guide)
    providers: Providers = Field(default_factory=Providers)


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
        settings, lost = _salvaged(data)
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


def _without_password(url: str) -> str:
    """The address, if nothing in it is secret; the settings file is no place for a password."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        return url  # no address at all: that is said where it is used
    if parts.password:
        raise ValueError("the address holds a password: leave it out, and give it as the key")
    pairs = (pair.partition("=")[0].lower() for pair in parts.query.split("&"))
    if any(name in SECRET_PARAMETERS for name in pairs):
        raise ValueError("the address holds a key: leave it out, and give it as the key")
    return url


def _salvaged(data: dict[str, Any]) -> tuple[Settings, list[str]]:
    """What can be read of the settings, and the names of what cannot."""
    lost: list[str] = []
    for _ in range(SALVAGE_ROUNDS):
        try:
            return Settings.model_validate(data), sorted(lost)
        except ValidationError as error:
            _LOG.info("damaged settings: %s", error)
            # The last ones of a list first: the places of the others stay as they are.
            for place in sorted(_damaged(error), key=_by_number, reverse=True):
                _remove(data, place)
                lost.append(".".join(map(str, place)))
    return Settings(), ["all of them"]


def _by_number(place: tuple[int | str, ...]) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in place]


def _damaged(error: ValidationError) -> set[tuple[int | str, ...]]:
    """The smallest parts that can be left out: an entry of a list as a whole, else one value."""
    return {tuple(_to_entry(each["loc"])) for each in error.errors(include_input=False)}


def _to_entry(place: Sequence[int | str]) -> Iterator[int | str]:
    for step in place:
        yield step
        if isinstance(step, int):
            return


def _remove(data: Any, place: Sequence[int | str]) -> None:
    """Takes away what stands at a place of nested objects and lists."""
    *way, last = place
    for step in way:
        if not isinstance(data, dict | list):
            return
        data = data[step]  # type: ignore[index]
    if isinstance(data, dict):
        data.pop(last, None)
    elif isinstance(data, list) and isinstance(last, int) and last < len(data):
        del data[last]

"""Which model files the person uses, and where they come from."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from app.schema import MAX_SCALE, Adapter
from app.settings.section import Section, plain_address

MAX_RECENT = 12
STARTER = "starter"  # in place of a reference: it moves with the program
LEAST_CONTEXT = 256  # tokens; with less no chat is of use
MOST = 2**31 - 1  # llama.cpp's counts are of 32 bits
MOST_THREADS = 512  # ggml.h, GGML_MAX_N_THREADS


class AdapterSetting(Section):
    """A LoRA adapter that is loaded with a model."""

    path: str
    scale: float = Field(default=1.0, ge=-MAX_SCALE, le=MAX_SCALE)


class WishSetting(Section):
    """What the person wants of the loads of one model; None leaves a choice to Hearth."""

    context: int | None = Field(default=None, ge=LEAST_CONTEXT, le=MOST)  # tokens
    type_k: str | None = None  # of the KV cache, such as q8_0
    type_v: str | None = None
    gpu_layers: int | None = Field(default=None, ge=-1, le=MOST)  # -1: all
    cpu_expert_layers: int | None = Field(default=None, ge=0, le=MOST)
    tensor_split: tuple[float, ...] = ()  # the share of each graphics card
    threads: int | None = Field(default=None, ge=1, le=MOST_THREADS)
    threads_batch: int | None = Field(default=None, ge=1, le=MOST_THREADS)
    batch: int | None = Field(default=None, ge=1, le=MOST)  # tokens
    ubatch: int | None = Field(default=None, ge=1, le=MOST)  # tokens
    flash_attention: bool | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None


class Models(Section):
    """Which model files the person uses."""

    selected: str = ""  # a model reference; none stands for the starter
    embedding: str = ""  # the reference of the model that turns texts into vectors; none: selected
    adapters: dict[str, tuple[AdapterSetting, ...]] = Field(default_factory=dict)  # by model path
    recent: tuple[str, ...] = ()  # paths, the latest first
    unload_after_minutes: float = Field(default=0.0, ge=0)  # of idleness; 0: never
    default: str = ""  # a reference, or STARTER, to start with; none: the one used last
    optimize: bool = True  # choose threads and context for this computer; else llama.cpp's own
    less_memory: bool = False  # for all models
    quiet: Literal["never", "battery", "always"] = "never"  # when half of the cores compute
    wishes: dict[str, WishSetting] = Field(default_factory=dict)  # by model path
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

    def wish(self, path: str, wanted: WishSetting) -> None:
        """Keeps what is wanted of the model file at `path`, or forgets it where that is nothing."""
        rest = {known: kept for known, kept in self.wishes.items() if known != path}
        self.wishes = rest if wanted == WishSetting() else {**rest, path: wanted}

    def opened(self, path: str) -> None:
        """Puts a file at the head of the recent ones."""
        rest = [known for known in self.recent if known != path]
        self.recent = (path, *rest)[:MAX_RECENT]


class Hub(Section):
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
        return plain_address(url)

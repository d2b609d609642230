"""What the tests of the library share: an empty disk, a library over it, another user."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.library.catalog import Library
from app.library.database import LibraryDatabase
from app.library.finding import Sought
from app.library.records import LibraryModel, Snapshot
from app.library.stores.places import Places

NOBODY = 65534


@dataclass
class Disk:
    """A computer's disk in a folder: the person's home, and a folder of models."""

    base: Path
    environ: dict[str, str] = field(default_factory=dict)
    platform: str = "linux"
    folders: list[Path] = field(default_factory=list)
    recent: list[Path] = field(default_factory=list)
    other_programs: bool = True
    names: dict[str, str] = field(default_factory=dict)
    shipped: Path | None = None
    mounts: dict[Path, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def models(self) -> Path:
        """Hearth's own folder."""
        return self.base / "hearth" / "models"

    @property
    def places(self) -> Places:
        return Places(self.home, self.environ, self.platform, self.base / "root")

    @property
    def database(self) -> LibraryDatabase:
        return LibraryDatabase(self.base / "hearth" / "library.sqlite3")

    def library(self) -> Library:
        """As a new start makes it."""
        return Library(
            self.database,
            self.sought,
            self.places,
            clock=self.clock,
            mount_of=lambda folder: self.mounts.get(folder, "/"),
        )

    def sought(self) -> Sought:
        return Sought(
            own=(self.models,),
            folders=tuple(self.folders),
            shipped=self.shipped,
            recent=tuple(self.recent),
            other_programs=self.other_programs,
            names=self.names,
        )

    def scan(self) -> Snapshot:
        return self.library().scan()

    def only(self) -> LibraryModel:
        """The one model that a look finds."""
        (model,) = self.scan().models
        return model


def by_name(snapshot: Snapshot) -> dict[str, LibraryModel]:
    named = {model.name: model for model in snapshot.models}
    assert len(named) == len(snapshot.models), [model.name for model in snapshot.models]
    return named


def age(path: Path, seconds: float = 3600) -> Path:
    """Makes a file as old as that."""
    when = time.time() - seconds
    os.utime(path, (when, when))
    return path


class OllamaStore:
    """Writes manifests and blobs as Ollama does."""

    def __init__(self, folder: Path, separator: str = "-") -> None:
        self.folder = folder
        self._separator = separator
        (folder / "blobs").mkdir(parents=True)
        (folder / "manifests").mkdir()

    def blob(self, content: bytes | str) -> str:
        """Writes a blob, and returns its digest."""
        data = content.encode() if isinstance(content, str) else content
        digest = hashlib.sha256(data).hexdigest()
        self.path(f"sha256:{digest}").write_bytes(data)
        return f"sha256:{digest}"

    def path(self, digest: str) -> Path:
        return self.folder / "blobs" / digest.replace(":", self._separator)

    def manifest(self, name: str, layers: Mapping[str, str] | list[tuple[str, str]]) -> Path:
        """Writes the manifest of a model; `layers` are kinds and digests."""
        pairs = list(layers.items()) if isinstance(layers, Mapping) else layers
        config = self.blob(json.dumps({"model_format": "gguf"}))
        return self.write(
            name,
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"digest": config},
                "layers": [
                    {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": digest}
                    for kind, digest in pairs
                ],
            },
        )

    def write(self, name: str, content: object) -> Path:
        file = self.folder / "manifests" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        file.write_text(text, encoding="utf-8")
        return file


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub_file(
    cache: Path, repo: str, file: str, content: Path, commit: str = COMMIT, *, main: bool = True
) -> Path:
    """Puts a file into a Hub cache as a link into its blobs, and returns the link."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    blob = folder / "blobs" / hashlib.sha256(content.read_bytes()).hexdigest()
    blob.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(content, blob)
    link = folder / "snapshots" / commit / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    if main:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(commit)
    return link


@contextlib.contextmanager
def as_another_user() -> Iterator[None]:
    """As root every folder can be read and written; this is as somebody for whom that is not so."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextlib.contextmanager
def folder_of_another_user() -> Iterator[Path]:
    """A folder that `as_another_user` may use; the usual one is closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        for place, _, _ in os.walk(folder):
            Path(place).chmod(0o777)
        shutil.rmtree(folder)

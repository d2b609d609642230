"""Ollama's models: manifests name them, blobs hold them.

`manifests/<host>/<namespace>/<model>/<tag>` is JSON with layers; a layer's file is
`blobs/sha256-<digest>`, in very old stores with a colon. Nothing is ever written there.
Source: server/manifest.go and types/model/name.go of Ollama.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.library.records import Presence, StoreProblem
from app.library.stores import names, reading
from app.library.stores.places import Places
from app.library.stores.store import Look, Shape, StoreFile, has_file, is_folder

PROGRAM = "Ollama"
MEDIA = "application/vnd.ollama.image."
DIGEST = re.compile(r"sha256[:-]([0-9A-Za-z]+)")
DEFAULT_HOST, DEFAULT_NAMESPACE = "registry.ollama.ai", "library"
SYSTEM = (  # of its services on Linux: Ollama's installer, Arch, the snap
    "usr/share/ollama/.ollama/models",
    "var/lib/ollama",
    "var/lib/ollama/.ollama/models",
    "var/snap/ollama/common/models",
)
PARAMETERS = "Parameters (Ollama)"
TEXTS = {
    "template": "Template (Ollama)",
    "prompt": "Template (Ollama)",
    "system": "System prompt (Ollama)",
    "params": PARAMETERS,
    "messages": "Messages (Ollama)",
    "license": "Licence",
}
_LOG = logging.getLogger(__name__)
LICENCE_HEAD = 120  # characters of its first line


def folders(places: Places) -> list[Path]:
    """Where Ollama keeps models; a service may have another environment than this program."""
    system = [] if places.is_windows or places.is_mac else [places.root / name for name in SYSTEM]
    chosen = places.variable("OLLAMA_MODELS")
    found = [chosen, _set_in_app(places), places.home / ".ollama" / "models", *system]
    return [folder for folder in found if folder is not None]


def _set_in_app(places: Places) -> Path | None:
    """The folder that the settings of Ollama's window name. Source: app/store of Ollama.

    Its database is opened so that nothing is written or locked there.
    """
    if places.is_windows or places.is_mac:
        file = places.local_data / "Ollama" / "db.sqlite"
    else:
        file = places.home / ".ollama" / "db.sqlite"
    if not has_file(file) or not file.is_absolute():
        return None
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as settings:
            row = settings.execute("SELECT models FROM settings").fetchone()
    except sqlite3.Error as error:
        _LOG.info("the settings of Ollama cannot be read: %s", error)
        return None
    return places.path(row[0]) if row and isinstance(row[0], str) else None


def is_store(listed: Collection[str]) -> bool:
    """Whether a folder in which these lie is laid out as Ollama does it."""
    return "manifests/" in listed and "blobs/" in listed


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """The models of a store, the tag `latest` before the others."""
    look.entries(folder, PROGRAM)  # noticed when it changes
    look.entries(folder / "blobs", PROGRAM)
    manifests = list(_manifests(look, folder / "manifests"))
    for manifest in sorted(manifests, key=lambda one: (one.name != "latest", one)):
        yield from _model(look, folder, manifest)


def parameters(texts: Iterable[tuple[str, Path]]) -> dict[str, Any]:
    """The values that Ollama sets for a model's answers, by Ollama's names for them."""
    return next((reading.json_object(file) for title, file in texts if title == PARAMETERS), {})


def _manifests(look: Look, folder: Path) -> Iterator[Path]:
    waiting = [folder]
    while waiting:
        for entry in look.entries(waiting.pop(), PROGRAM):
            if entry.name.startswith("."):
                continue
            if is_folder(entry):
                waiting.append(Path(entry.path))
            else:
                yield Path(entry.path)


def name_of(parts: tuple[str, ...]) -> str:
    """What Ollama calls the model of a manifest: without what is so by default."""
    *way, model, tag = parts
    if way[:1] == [DEFAULT_HOST]:
        way = way[1:]
        if way == [DEFAULT_NAMESPACE]:
            way = []
    return f"{'/'.join((*way, model))}:{tag}"


def _model(look: Look, folder: Path, manifest: Path) -> Iterator[StoreFile]:
    parts = manifest.relative_to(folder / "manifests").parts
    if len(parts) < 2:
        return
    name = name_of(parts)
    content = reading.json_object(manifest)
    layers = _layers(folder, content)
    if layers is None:
        if not has_file(manifest):  # Ollama has just deleted it
            return
        can_read = reading.may_be_read(manifest)
        why = "is damaged: fetch it again in Ollama." if can_read else "may not be read by you."
        text = f"The description of “{names.shown(name)}” {why}"
        look.problems.append(StoreProblem(PROGRAM, manifest, text))
        return
    weights = [path for kind, path in layers if kind == "model"]
    if len(weights) > 1:
        text = f"“{names.shown(name)}” is kept in {len(weights)} pieces that only Ollama can use."
        look.problems.append(StoreProblem(PROGRAM, manifest, text))
        return
    if weights:  # else its weights are in the cloud, or in a format of Ollama's own
        yield from _weights(look, name, weights[0], layers)
    for kind, path in layers:
        found = look.file(path) if kind in ("adapter", "projector") else None
        if found is not None:
            yield dataclasses.replace(found, program=PROGRAM, name=f"{name} ({kind})")


def _layers(folder: Path, content: dict[str, Any]) -> list[tuple[str, Path]] | None:
    """Kind and file of each layer; None where the manifest cannot be understood."""
    listed = content.get("layers")
    if not isinstance(listed, list):
        return [] if "config" in content else None
    layers: list[tuple[str, Path]] = []
    for layer in listed:
        digest = DIGEST.fullmatch(reading.string(layer, "digest"))
        kind = reading.string(layer, "mediaType").removeprefix(MEDIA)
        if digest is None:
            return None
        layers.append((kind, _blob(folder, digest[1])))
    return layers


def _blob(folder: Path, digest: str) -> Path:
    old = folder / "blobs" / f"sha256:{digest}"
    return old if has_file(old) else folder / "blobs" / f"sha256-{digest}"


def _weights(
    look: Look, name: str, path: Path, layers: list[tuple[str, Path]]
) -> Iterator[StoreFile]:
    """The model, even without its file; not where that may lie behind what cannot be looked at."""
    found = look.file(path)
    if found is None and look.is_blocked(path):
        return
    found = found or StoreFile(
        path,
        identity=str(path),
        presence=Presence.INCOMPLETE,
        problem="Its file is missing in Ollama's folder: fetch it again in Ollama.",
    )
    texts = tuple((TEXTS[kind], text) for kind, text in layers if kind in TEXTS)
    projector = next((file for kind, file in layers if kind == "projector"), None)
    yield dataclasses.replace(
        found,
        program=PROGRAM,
        name=name,
        projector=projector if projector and has_file(projector) else None,
        texts=texts,
        licence=next((_head(text) for kind, text in layers if kind == "license"), ""),
    )


def _head(path: Path) -> str:
    """The first line of a licence."""
    lines = (line.strip() for line in reading.text(path).splitlines())
    return next(filter(None, lines), "")[:LICENCE_HEAD]


SHAPE = Shape(PROGRAM, is_store, read, is_whole=True)

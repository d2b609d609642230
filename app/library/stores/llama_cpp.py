"""llama.cpp's own cache, as it was before it took to that of Hugging Face.

Files are `<owner>_<repository>_<file>.gguf`; `manifest=<owner>=<repository>=<tag>.json` says which
file of which repository they are, and which projector goes with it. Source: common/download.cpp.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from app.library.records import Source
from app.library.stores import reading
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile, has_file
from app.library.stores.walking import walk

PROGRAM = "llama.cpp"
ADDRESS = re.compile(r"https?://[^/]+/([^/]+/[^/]+)/resolve/([^/]+)/([^?]+)")


def folders(places: Places) -> list[Path]:
    """The folder that the environment names, and where it is by default."""
    chosen = places.variable("LLAMA_CACHE")
    if places.is_windows:
        usual = places.local_data / "llama.cpp"
    elif places.is_mac:
        usual = places.home / "Library" / "Caches" / "llama.cpp"
    else:
        usual = places.cache / "llama.cpp"
    return [*([chosen] if chosen else []), usual]


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """Its models, with what their manifests say."""
    known = _manifests(folder)
    for found in walk(look, folder, PROGRAM):
        source, projector = known.get(found.path.name, (None, ""))
        beside = found.path.with_name(projector) if projector else None
        yield dataclasses.replace(
            found,
            source=found.source or source or _from_sidecar(found.path),
            projector=beside if beside and has_file(beside) else None,
        )


def _from_sidecar(path: Path) -> Source | None:
    """Where a file is from, as `<file>.json` of the first versions says."""
    about = reading.json_object(path.with_name(f"{path.name}.json"))
    match = ADDRESS.match(reading.string(about, "url"))
    return Source(match[1], match[3], "") if match else None


def _manifests(folder: Path) -> dict[str, tuple[Source, str]]:
    """By a file's name here: where it is from, and the name of its projector here, or ""."""
    try:
        files = sorted(folder.glob("manifest=*.json"))
    except OSError:
        return {}
    known: dict[str, tuple[Source, str]] = {}
    for file in files:
        owner, _, rest = file.stem.removeprefix("manifest=").partition("=")
        repo = f"{owner}/{rest.partition('=')[0]}"
        content = reading.json_object(file)
        model, projector = (_file(content, kind) for kind in ("ggufFile", "mmprojFile"))
        if model is not None:
            beside = _name(repo, projector.file) if projector else ""
            known[_name(repo, model.file)] = (dataclasses.replace(model, repo=repo), beside)
        if projector is not None:
            known[_name(repo, projector.file)] = (dataclasses.replace(projector, repo=repo), "")
    return known


def _file(content: dict[str, object], kind: str) -> Source | None:
    name = reading.string(content, kind, "rfilename")
    digest = reading.string(content, kind, "lfs", "sha256")
    return Source("", name, "", digest) if name else None


def _name(repo: str, file: str) -> str:
    """What the cache calls a file of a repository."""
    return f"{repo}_{file}".replace("/", "_")

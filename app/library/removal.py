"""What deleting a model would take away, and what it would free; nothing is changed here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import ModelError, ModelFileError
from app.library.records import LibraryModel, Presence
from app.library.stores import hugging_face, llama_cpp, names, ollama
from app.library.stores.store import is_link

SIDECARS = (".etag", ".json")  # beside a file in llama.cpp's cache


@dataclass(frozen=True, slots=True)
class Removal:
    """All files that go with a model, and the bytes that are free then."""

    model: LibraryModel
    files: tuple[Path, ...]
    frees: int
    left_overs: tuple[Path, ...] = ()  # those of `files` that belong to unfinished downloads
    projector: Path | None = None  # that goes too, since no other model uses it
    warning: str = ""  # to be said before: another program's model
    made: tuple[Path, ...] = ()  # folders of Hearth's making, innermost first: they go when empty


def plan(model: LibraryModel, others: Iterable[LibraryModel]) -> Removal:
    """What deleting `model` means; `others` are the models of the library.

    Raises:
        ModelError: it may not be deleted here, or cannot be now.
    """
    _refuse(model)
    projector = _own_projector(model, others)
    left_overs = tuple(_left_overs(model))
    going_too = (model.path, projector)
    kept = {file for other in others if other.path not in going_too for file in other.files}
    wanted = [*model.files, *([projector] if projector else []), *left_overs]
    files: dict[Path, None] = {}
    for file in wanted:
        if os.path.lexists(file):
            files.update(dict.fromkeys(with_blobs(file)))
    going = tuple(file for file in files if file not in kept)
    if not going:
        raise ModelFileError(
            f"“{model.name}” is not there any more.", "The list shows that in a moment."
        )
    return Removal(model, going, freed(going), left_overs, projector, _warning(model), _made(model))


def freed(files: Sequence[Path]) -> int:
    """The bytes that are free without these files: links and other names of a file hold none."""
    names_of: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for file in files:
        try:
            status = file.lstat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            identity = (status.st_dev, status.st_ino)
            names_of[identity] = names_of.get(identity, 0) + 1
            sizes[identity] = (status.st_size, status.st_nlink)
    return sum(size for key, (size, links) in sizes.items() if names_of[key] >= links)


def _refuse(model: LibraryModel) -> None:
    if model.is_shipped:
        raise ModelError(f"“{model.name}” comes with Hearth and stays.", "It takes little space.")
    if model.program == ollama.PROGRAM:
        raise ModelError(
            f"“{model.name}” belongs to Ollama, whose models share their files.",
            f"Delete it in Ollama: ollama rm {model.name.partition(' ')[0]}",
        )
    if model.presence is Presence.AWAY:
        raise ModelError(
            f"“{model.name}” is not there now, so it cannot be deleted.",
            "Connect its drive first.",
            model.problem,
        )


def _made(model: LibraryModel) -> tuple[Path, ...]:
    """The folders that a download has made: `<owner>/<repository>/…` in a folder of models."""
    if model.is_foreign or model.source is None:
        return ()
    ours: list[Path] = []
    for folder in model.path.parents:
        ours.append(folder)
        if f"{folder.parent.name}/{folder.name}" == model.source.repo:
            return (*ours, folder.parent)
    return ()


def _warning(model: LibraryModel) -> str:
    if not model.is_foreign:
        return ""
    return (
        f"This model belongs to {model.program}. If it is deleted here, it is missing there too, "
        f"and {model.program} may have to fetch it again."
    )


def _own_projector(model: LibraryModel, others: Iterable[LibraryModel]) -> Path | None:
    """The model's projector, if nobody else uses it and it belongs to the same program."""
    if model.projector is None:
        return None
    rest = [other for other in others if other.path != model.path]
    if any(other.projector == model.projector for other in rest):
        return None
    entry = next((other for other in rest if other.path == model.projector), None)
    whose = entry.program if entry is not None else ""
    return model.projector if whose == model.program else None


def _left_overs(model: LibraryModel) -> Iterator[Path]:
    """Unfinished downloads of the model's files beside them, and what llama.cpp notes of each."""
    part = names.part(model.path.name)
    files = {file.name.lower() for file in model.files}

    def is_wanted(name: str | None) -> bool:
        if name is None or name.lower() in files:
            return name is not None
        return part is not None and names.is_part_of(name, part[0], part[2])

    has_notes = model.program == llama_cpp.PROGRAM
    try:
        with os.scandir(model.folder) as entries:
            beside = sorted(entry.name for entry in entries if not entry.is_dir())
    except OSError:
        return
    for name in beside:
        if is_wanted(names.unfinished(name)) or (has_notes and is_wanted(_noted(name))):
            yield model.folder / name


def _noted(name: str) -> str | None:
    """The file that a note of llama.cpp is about; None for what is no such note."""
    ending = next((each for each in SIDECARS if name.endswith(each)), "")
    return name.removesuffix(ending) if ending else None


def with_blobs(file: Path) -> list[Path]:
    """A file, and where it is a link into a Hub cache, what else holds the same content there."""
    repo = next((folder for folder in file.parents if hugging_face.is_repo(folder)), None)
    if repo is None or not is_link(file):
        return [file]
    blob = _target(file)
    if blob.parent != repo / "blobs":
        return [file]
    links = [link for link in _links(repo / "snapshots") if _target(link) == blob]
    return [*links, blob, *_shared(blob, repo)]


def _shared(blob: Path, repo: Path) -> list[Path]:
    """The content that a repository's blob leads to, unless another repository uses it too."""
    if not is_link(blob):
        return []
    content = _target(blob)
    store = repo.parent / "blobs"
    if content.parent.parent != store:
        return []
    for folder in repo.parent.glob("*--*/blobs"):
        if any(link != blob and _target(link) == content for link in _links(folder)):
            return []
    # The list of those who use it, which the Hub's own programs keep.
    users = content.with_name(f"{content.name}.refs")
    return [content, *([users] if os.path.lexists(users) else [])]


def _links(folder: Path) -> Iterator[Path]:
    for place, _, found in os.walk(folder):
        for name in found:
            path = Path(place) / name
            if path.is_symlink():
                yield path


def _target(link: Path) -> Path:
    """Where a link leads, one step."""
    try:
        return Path(os.path.normpath(link.parent / link.readlink()))
    except OSError:
        return link

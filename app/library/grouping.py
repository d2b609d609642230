"""Makes models of files: parts are put together, and what has several names is counted once."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.library.facts import Facts, one_line
from app.library.records import Kind, LibraryModel, Presence
from app.library.stores import names
from app.library.stores.store import Identity, StoreFile, is_link

SHOWN_PARTS = 3  # of those that are missing
NOT_TEXT = "Its name is written in another encoding than UTF-8. Rename the file to use it."


@dataclass(frozen=True, slots=True)
class Group:
    """The files of one model; `count` is how many there should be."""

    files: tuple[StoreFile, ...]  # in their order
    base: str = ""  # of a split model: the beginning of its files' names
    count: int = 1

    @property
    def first(self) -> StoreFile:
        """The file that opens the model."""
        return self.files[0]

    @property
    def is_complete(self) -> bool:
        """Whether all parts are there."""
        return len(self.files) == self.count


def groups(files: Iterable[StoreFile]) -> list[Group]:
    """The models among the files, each once; the person's own names count before programs'."""
    split: dict[tuple[Path, str, int], dict[int, StoreFile]] = {}
    made: list[Group] = []
    for file in _by_path(files):
        part = names.part(file.path.name)
        if part is None or part[2] == 1:
            made.append(Group((file,)))
        else:
            base, number, count = part
            split.setdefault((file.path.parent, base, count), {})[number] = file
    for (_, base, count), parts in split.items():
        ordered = tuple(parts[number] for number in sorted(parts))
        made.append(Group(ordered, base, count))
    return _distinct(made)


def _by_path(files: Iterable[StoreFile]) -> list[StoreFile]:
    """Each path once, with all that is known of it; who comes first says whose it is."""
    found: dict[Path, StoreFile] = {}
    for file in sorted(files, key=lambda file: bool(file.program)):
        known = found.get(file.path)
        found[file.path] = file if known is None else _merged(known, file)
    return list(found.values())


def _merged(known: StoreFile, more: StoreFile) -> StoreFile:
    others = known.other_names
    if more.name and more.name != known.name:
        others = (*others, more.name) if known.name else others
    return dataclasses.replace(
        known,
        name=known.name or more.name,
        projector=known.projector or more.projector,
        source=known.source or more.source,
        licence=known.licence or more.licence,
        texts=known.texts or more.texts,
        other_names=others,
    )


def _distinct(made: Sequence[Group]) -> list[Group]:
    """Leaves out what only has another name for files that are in the list already."""
    counts = Counter(group.first.identity for group in made)

    def rank(group: Group) -> tuple[bool, bool, bool]:
        first = group.first
        is_second = counts[first.identity] > 1 and is_link(first.path)
        return (not group.is_complete, bool(first.program), is_second)

    taken: set[Identity] = set()
    kept: list[Group] = []
    for group in sorted(made, key=rank):
        identities = {file.identity for file in group.files}
        if not identities <= taken:
            taken |= identities
            kept.append(group)
    return kept


def model(group: Group, facts: dict[Path, Facts]) -> LibraryModel:
    """A group of files as one model."""
    file = group.first
    known = [facts[each.path] for each in group.files]
    first = known[0]
    presence, problem = _state(group, known)
    return LibraryModel(
        path=file.path,
        files=tuple(each.path for each in group.files),
        name=one_line(file.name) or first.name or names.title(file.path),
        kind=_kind(group, first),
        size=sum(each.size for each in group.files),
        architecture=first.architecture,
        parameters=sum(each.parameters for each in known),
        quantisation=next((each.quantisation for each in known if each.quantisation), ""),
        trained_context=first.trained_context,
        licence=first.licence or one_line(file.licence),
        description=first.description,
        features=first.features,
        program=file.program,
        presence=presence,
        problem=problem,
        source=file.source,
        modified=max(each.modified for each in group.files),
        is_shipped=file.is_shipped,
        other_names=file.other_names,
        taken=first.taken,
    )


def _kind(group: Group, first: Facts) -> Kind:
    """By the header; by the name where that cannot be read."""
    if first.architecture or not first.problem:
        return first.kind
    return Kind.PROJECTOR if "mmproj" in group.first.path.name.lower() else first.kind


def _state(group: Group, known: Sequence[Facts]) -> tuple[Presence, str]:
    """Whether the model can be used, and why not."""
    away = next((each for each in group.files if each.presence is not Presence.HERE), None)
    if away is not None:
        return away.presence, away.problem
    if not group.is_complete:
        return Presence.INCOMPLETE, _missing(group)
    damaged = next((each for each in known if each.problem), None)
    if damaged is not None:
        return Presence.DAMAGED if damaged.is_final else Presence.INCOMPLETE, damaged.problem
    if not names.is_text(group.first.path):
        return Presence.DAMAGED, NOT_TEXT
    return Presence.HERE, ""


def _missing(group: Group) -> str:
    here = {file.path.name.lower() for file in group.files}
    wanted = (names.part_name(group.base, number + 1, group.count) for number in range(group.count))
    missing = (names.shown(name) for name in wanted if name.lower() not in here)
    count = group.count - len(group.files)  # a stranger's name may claim very many
    listed = ", ".join(itertools.islice(missing, SHOWN_PARTS)) + (
        " …" if count > SHOWN_PARTS else ""
    )
    verb = "is" if count == 1 else "are"
    return f"{count} of its {group.count} parts {verb} missing: {listed}"

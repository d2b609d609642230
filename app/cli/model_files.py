"""`hearth models rm`, `verify` and `dedupe`: what can be done with the files on this disk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app import core as cores
from app import paths, wording
from app.cli import console, model_names
from app.cli.parser import EXIT_DONE, EXIT_FAILED
from app.errors import ModelFileError
from app.library import duplicates, removal, verifying
from app.library.records import LibraryModel, Presence
from app.library.stores import names
from app.library.verifying import Checked, State

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from app.core import Core
    from app.library.records import Duplicate
    from app.library.removal import Removal


def remove(options: argparse.Namespace) -> int:
    """Deletes models, after saying what that frees; all are looked for before the first goes."""
    core = cores.build(paths.find(options.home))
    models = core.library.scan().models
    wanted = _planned(_chosen(models, options.models), models)
    for each in wanted:
        _announce(each)
    if not options.yes and not _confirmed():
        console.say("Nothing was deleted.")
        return EXIT_FAILED
    gone: list[Removal] = []
    try:
        for each in wanted:
            core.trash.purge(core.trash.delete(each, confirmed_foreign=True))
            gone.append(each)
            if not options.json:
                print(f"Deleted {_name(each.model)}: {wording.size(each.frees)} are free.")
    finally:  # where one stays, those before it are gone all the same
        if options.json and gone:
            files = [str(file) for each in gone for file in each.files]
            console.print_json({"deleted": files, "freed": sum(each.frees for each in gone)})
    return EXIT_DONE


def _chosen(models: Sequence[LibraryModel], texts: Iterable[str]) -> list[LibraryModel]:
    """The models that are meant, each once."""
    found = (model_names.find(models, text) for text in texts)
    return list({model.path: model for model in found}.values())


def _planned(chosen: Sequence[LibraryModel], models: Sequence[LibraryModel]) -> list[Removal]:
    """What deleting them one after the other means: the last one takes a shared projector along."""
    left = list(models)
    wanted: list[Removal] = []
    taken: set[Path] = set()
    for model in sorted(chosen, key=lambda model: model.path in _projectors(chosen)):
        if model.path in taken:  # a projector that goes with its model
            continue
        each = removal.plan(model, left)
        wanted.append(each)
        taken.update(each.files)
        left = [other for other in left if other.path not in each.files]
    return wanted


def _projectors(models: Iterable[LibraryModel]) -> set[Path]:
    return {model.projector for model in models if model.projector is not None}


def _announce(wanted: Removal) -> None:
    console.say(f"{_name(wanted.model)}: {wording.size(wanted.frees)} would be freed.")
    for file in wanted.files:
        console.say(f"  {names.shown(file)}")
    if wanted.warning:
        console.say(wanted.warning)


def _name(model: LibraryModel) -> str:
    return names.shown(model.name)


def _confirmed() -> bool:
    """Asks; an answer may also come from another program, and none means no."""
    sys.stderr.write("Delete it? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if sys.stdin is None or not sys.stdin.isatty():
        console.say()
    if not answer:
        console.say("Nobody answers; --yes deletes without a question.")
    return answer.strip().lower() in ("y", "yes")


def verify(options: argparse.Namespace) -> int:
    """Reads the files of some models or of all, and compares their hashes."""
    core = cores.build(paths.find(options.home))
    models = core.library.scan().models
    chosen = _chosen(models, options.models) if options.models else _here(models)
    progress = _Progress("Checking", sum(model.size for model in chosen))
    checked = []
    try:
        for model in chosen:
            for one in _checked(core, model, progress):
                checked.append(one)
                if not options.json:
                    console.show()
                    shown = (one.state, names.shown(one.file), names.shown(one.message))
                    print("\t".join(filter(None, shown)), flush=True)
    finally:
        console.show()
    if options.json:
        rows = [
            {
                "file": str(one.file),
                "state": one.state,
                "sha256": one.sha256,
                "message": one.message,
            }
            for one in checked
        ]
        console.print_json(rows)
    return EXIT_FAILED if any(one.state is State.DAMAGED for one in checked) else EXIT_DONE


def _checked(core: Core, model: LibraryModel, progress: _Progress) -> list[Checked]:
    """What is found of each file of a model, and of the parts that are not there.

    Raises:
        ModelFileError: its drive is away.
    """
    if model.presence is Presence.AWAY:
        raise ModelFileError(f"“{_name(model)}” is not there now.", "Connect its drive first.")
    found = [
        verifying.check(model, file, progress.add, core.library.source(file))
        for file in model.files
    ]
    if model.presence is Presence.INCOMPLETE and all(
        one.state is not State.DAMAGED for one in found
    ):
        found.append(Checked(model.path, State.DAMAGED, message=model.problem))
    return found


def dedupe(options: argparse.Namespace) -> int:
    """Lists the files that are here more than once, and what could be freed."""
    core = cores.build(paths.find(options.home))
    models = _here(core.library.scan().models)
    owners = {file: model.program for model in models for file in model.files}
    progress = _Progress("Comparing")
    try:
        found = duplicates.search(list(owners), core.library.database, progress.at)
    finally:
        console.show()
    if options.json:
        console.print_json([_row(one, owners) for one in found])
        return EXIT_DONE
    for one in found:
        print(f"{wording.size(one.could_be_freed)} could be freed:")
        for file in one.files:
            whose = f"\t{owners[file]}" if owners[file] else ""
            print(f"  {names.shown(file)}{whose}")
    if found:
        console.say("Nothing was deleted. One of them goes with: hearth models rm PATH")
    else:
        console.say("No file is here twice.")
    return EXIT_DONE


def _row(one: Duplicate, owners: dict[Path, str]) -> dict[str, object]:
    """`programs` says whose each of the files is, in their order."""
    return {
        "sha256": one.sha256,
        "size": one.size,
        "could_be_freed": one.could_be_freed,
        "files": [str(file) for file in one.files],
        "programs": [owners[file] for file in one.files],
    }


def _here(models: Iterable[LibraryModel]) -> list[LibraryModel]:
    return [model for model in models if model.presence is not Presence.AWAY]


class _Progress:
    """How much of long reading is done, on a terminal."""

    def __init__(self, doing: str, total: int = 0) -> None:
        self._doing = doing
        self._total = total
        self._done = 0
        self._shown = -1

    def add(self, count: int) -> None:
        """So many bytes more."""
        self.at(self._done + count, self._total)

    def at(self, done: int, total: int) -> None:
        """So many bytes of all."""
        self._done = done
        percent = min(100, 100 * done // total) if total else 0
        if percent != self._shown:
            self._shown = percent
            console.show(f"{self._doing} · {percent} % · {wording.size(done)}")

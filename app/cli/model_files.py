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

    from app.core import Core
    from app.library.removal import Removal


def remove(options: argparse.Namespace) -> int:
    """Deletes models, after saying what that frees; all are looked for before the first goes."""
    core = cores.build(paths.find(options.home))
    models = core.library.scan().models
    chosen = {
        model.path: model for model in (model_names.find(models, text) for text in options.models)
    }
    wanted = [removal.plan(model, models) for model in chosen.values()]
    for each in wanted:
        _announce(each)
    if not options.yes and not _confirmed():
        console.say("Nothing was deleted.")
        return EXIT_FAILED
    for each in wanted:
        core.trash.purge(core.trash.delete(each, confirmed_foreign=True))
        if not options.json:
            print(f"Deleted {each.model.name}: {wording.size(each.frees)} are free.")
    if options.json:
        files = [str(file) for each in wanted for file in each.files]
        console.print_json({"deleted": files, "freed": sum(each.frees for each in wanted)})
    return EXIT_DONE


def _announce(wanted: Removal) -> None:
    console.say(f"{wanted.model.name}: {wording.size(wanted.frees)} would be freed.")
    for file in wanted.files:
        console.say(f"  {names.shown(file)}")
    if wanted.warning:
        console.say(wanted.warning)


def _confirmed() -> bool:
    """Asks; an answer may also come from another program, and none means no."""
    sys.stderr.write("Delete it? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not sys.stdin.isatty():
        console.say()
    if not answer:
        console.say("Nobody answers; --yes deletes without a question.")
    return answer.strip().lower() in ("y", "yes")


def verify(options: argparse.Namespace) -> int:
    """Reads the files of some models or of all, and compares their hashes."""
    core = cores.build(paths.find(options.home))
    models = core.library.scan().models
    chosen = [model_names.find(models, text) for text in options.models] or _here(models)
    progress = _Progress("Checking", sum(model.size for model in chosen))
    checked = []
    for model in chosen:
        for one in _checked(core, model, progress):
            checked.append(one)
            if not options.json:
                console.show()
                shown = (one.state, names.shown(one.file), one.message)
                print("\t".join(filter(None, shown)), flush=True)
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
        raise ModelFileError(f"“{model.name}” is not there now.", "Connect its drive first.")
    found = [
        verifying.check(model, file, progress.add, core.library.source(file))
        for file in model.files
    ]
    if model.presence is Presence.INCOMPLETE:
        found.append(Checked(model.path, State.DAMAGED, message=model.problem))
    return found


def dedupe(options: argparse.Namespace) -> int:
    """Lists the files that are here more than once, and what could be freed."""
    core = cores.build(paths.find(options.home))
    files = [file for model in _here(core.library.scan().models) for file in model.files]
    progress = _Progress("Comparing")
    found = duplicates.search(files, core.library.database, progress.at)
    console.show()
    if options.json:
        rows = [
            {
                "sha256": one.sha256,
                "size": one.size,
                "could_be_freed": one.could_be_freed,
                "files": [str(file) for file in one.files],
            }
            for one in found
        ]
        console.print_json(rows)
        return EXIT_DONE
    for one in found:
        print(f"{wording.size(one.could_be_freed)} could be freed:")
        for file in one.files:
            print(f"  {names.shown(file)}")
    if found:
        console.say("Nothing was deleted. One of them goes with: hearth models rm PATH")
    else:
        console.say("No file is here twice.")
    return EXIT_DONE


def _here(models: tuple[LibraryModel, ...]) -> list[LibraryModel]:
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

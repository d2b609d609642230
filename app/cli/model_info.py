"""`hearth models info`: all that is known of one model, with every key of its file's header."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import core as cores
from app import gguf, paths
from app.cli import console, model_names, models, session
from app.cli.parser import EXIT_DONE
from app.errors import ModelFileError, NoModel
from app.library import catalog, describing, details, finding, grouping
from app.library.absent import AWAY
from app.library.facts import read as read_facts
from app.library.hub.verdict import Judgement, by_header
from app.library.records import LibraryModel, Presence
from app.library.stores import names
from app.library.stores.store import Look, has_file
from app.llm.providers.local_plans import Subject
from app.schema import ModelRef

if TYPE_CHECKING:
    import argparse

    from app.library.catalog import Library
    from app.schema import ModelInfo

FOLDER = "Lies in"  # among those facts; the paths say it too
Texts = Sequence[tuple[str, Path]]


def show(options: argparse.Namespace) -> int:
    """Prints what is known of a file, of a model of the library, or of a server's model."""
    core = cores.build(paths.find(options.home))
    try:
        model, texts = _find(core.library, options)
    except NoModel:
        if (elsewhere := asyncio.run(_on_server(options))) is None:
            raise
        _show_server(elsewhere, as_json=options.json)
        return EXIT_DONE
    if model.presence is Presence.AWAY:
        name = names.shown(model.name)
        raise ModelFileError(
            f"“{name}” is not there now: {names.shown(model.path)}",
            "Connect its drive first." if model.problem == AWAY else model.problem,
        )
    parts = model.files if model.presence is Presence.HERE else ()
    known = details.read(model.path, texts, parts)
    judged = _judged(core, model) if catalog.can_be_loaded(model) else None
    if options.json:
        console.print_json(_as_json(core, model, known, judged))
    else:
        _print(model, known, judged)
    return EXIT_DONE


def _judged(core: cores.Core, model: LibraryModel) -> Judgement:
    """Whether it fits, as the person wishes it to be loaded. Raises ModelFileError."""
    header = gguf.read(model.path)
    wishes = core.plans.wishes(Subject.of(header))
    return by_header(header, model.size, core.survey.now(), wishes)


def _find(library: Library, options: argparse.Namespace) -> tuple[LibraryModel, Texts]:
    """The model, and the files in which its program keeps more about it.

    A file that is not in the library is read as it is.
    """
    path = model_names.path_of(options.model)
    try:
        model = model_names.find(library.scan().models, options.model)
    except NoModel:
        if has_file(path):
            return _of_file(path), ()
        if path.suffix.lower() == catalog.SUFFIX:
            gguf.read(path)  # it says why it cannot
        raise
    return model, library.texts(model)


def _of_file(path: Path) -> LibraryModel:
    """A file as a model, with the other parts of a split one. Raises ModelFileError."""
    gguf.read(path)
    look = Look()
    found = [file for each in finding.parts(path) if (file := look.file(each)) is not None]
    group = grouping.groups(found)[0]
    return grouping.model(group, {file.path: read_facts(file.path) for file in group.files})


async def _on_server(options: argparse.Namespace) -> ModelInfo | None:
    """A model of a server that is called so, in full or by its name alone."""
    ref, wanted = ModelRef.parse(options.model), options.model.casefold()
    async with session.opened(paths.find(options.home)) as core:
        try:
            if core.settings.settings.providers.discover:
                await core.manager.servers()
            listed = models.on_servers(await core.manager.models())
        finally:
            core.library.close()
    named = [one for one in listed if wanted in (one.name.casefold(), one.ref.model.casefold())]
    return next(iter([one for one in listed if one.ref == ref] or named), None)


def _show_server(model: ModelInfo, *, as_json: bool) -> None:
    known = models.server_json(model)
    if as_json:
        console.print_json(known)
        return
    del known["path"]
    words = {
        name: ", ".join(value) if isinstance(value, list) else str(value)
        for name, value in known.items()
        if value
    }
    _print_pairs([(name.replace("_", " ").capitalize(), value) for name, value in words.items()])


def _print(model: LibraryModel, known: details.Details, judged: Judgement | None) -> None:
    now = datetime.now().astimezone()
    _print_pairs(
        [
            ("Name", model.name),
            *(pair for pair in describing.lines(model, judged, now) if pair[0] != FOLDER),
            *(("Path", names.shown(file)) for file in model.files),
            ("GGUF version", str(known.version)),
            ("Tensors", _tensors(known)),
        ]
    )
    print()
    for entry in known.entries:
        print(f"{names.shown(entry.key)} = {names.shown(entry.shown)}")
    for title, text in known.texts:
        print(f"\n{title}:\n{names.readable(text)}")


def _tensors(known: details.Details) -> str:
    types = ", ".join(f"{count:,} {name}" for name, count in known.tensor_types)
    return f"{known.tensors:,} ({types})" if types else "0"


def _print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        print(f"{name:{width}}  {names.shown(value)}")


def _as_json(
    core: cores.Core, model: LibraryModel, known: details.Details, judged: Judgement | None
) -> dict[str, Any]:
    header = gguf.read(model.path)
    fits = {"fits": judged.verdict, "needs": _needs(judged)} if judged else {}
    return {
        **models.as_json(model, core.survey.now()),
        **fits,
        "has_chat_template": bool(header.chat_template),
        "gguf_version": known.version,
        "tensors": known.tensors,
        "tensor_types": dict(known.tensor_types),
        "metadata": {key: _plain(value) for key, value in header.metadata.items()},
        "texts": dict(known.texts),
    }


def _needs(judged: Judgement) -> dict[str, int]:
    """Bytes that it takes, of them on graphics cards, and the tokens of its context."""
    return {"memory": judged.needed, "on_card": judged.on_gpu, "context": judged.context}


def _plain(value: gguf.Value) -> Any:
    if isinstance(value, gguf.LongArray):
        return f"array of {value.length:,} elements"
    return list(value) if isinstance(value, tuple) else value

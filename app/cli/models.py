"""`hearth models`: the list of all models; what is done with them is in the files beside."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app import paths, wording
from app.cli import console, session
from app.cli.parser import EXIT_DONE
from app.library import catalog, describing, verdicts
from app.library.stores import names
from app.llm.providers import local

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from app.library.records import LibraryModel, Snapshot
    from app.library.verdicts import Fit
    from app.llm.optimizer.machine.records import Computer
    from app.schema import ModelInfo


def run(options: argparse.Namespace) -> int:
    """Does what is asked; each action is imported when it is called for."""
    if options.action == "list":
        return show_list(options)
    return _action(options.action)(options)


def _action(name: str) -> Callable[[argparse.Namespace], int]:
    if name == "info":
        from app.cli import model_info

        return model_info.show
    if name in ("search", "pull"):
        from app.cli import model_hub

        return {"search": model_hub.search, "pull": model_hub.pull}[name]
    from app.cli import model_files

    actions = {
        "rm": model_files.remove,
        "verify": model_files.verify,
        "dedupe": model_files.dedupe,
    }
    return actions[name]


def show_list(options: argparse.Namespace) -> int:
    """Lists the library, also what cannot be used now, and behind it the models of servers."""
    snapshot, elsewhere, computer, folder = asyncio.run(_read(options))
    if options.json:
        here = [as_json(model, computer) for model in snapshot.models]
        console.print_json([*here, *map(server_json, elsewhere)])
    else:
        for model in snapshot.models:
            print(_line(model, computer))
        for info in elsewhere:
            print(_server_line(info))
        if not snapshot.models and not elsewhere:
            console.say(f"No models yet. Put .gguf files into {folder}.")
    for problem in snapshot.problems:
        whose = f"{problem.program}: " if problem.program else ""
        console.say(f"{whose}{problem.reason}")
    return EXIT_DONE


async def _read(
    options: argparse.Namespace,
) -> tuple[Snapshot, Sequence[ModelInfo], Computer, str]:
    """The models here and on servers, this computer, and the folder for models."""
    async with session.opened(paths.find(options.home)) as core:
        try:
            if core.settings.settings.providers.discover:
                await core.manager.servers()
            # Looked at before the manager asks, who would not wait for a first look at a slow disk.
            snapshot = await asyncio.to_thread(core.library.scan)
            models = await core.manager.models()
            computer = await asyncio.to_thread(core.survey.now)
            return snapshot, on_servers(models), computer, names.shown(core.paths.models)
        finally:
            core.library.close()  # a look that goes on ends early when the person stops it


def on_servers(models: Sequence[ModelInfo]) -> list[ModelInfo]:
    """Those that are no files of the library."""
    return [model for model in models if model.ref.provider != local.NAME]


def fit(model: LibraryModel, computer: Computer) -> Fit | None:
    """Whether a model fits this computer, or None for what is not loaded by itself."""
    return verdicts.of_model(model, computer) if model.kind in catalog.USABLE else None


def _line(model: LibraryModel, computer: Computer) -> str:
    """Name, facts and path, with tabs between them."""
    state = describing.state(model, fit(model, computer))
    more = describing.more(model, datetime.now().astimezone())
    known = " · ".join(filter(None, (describing.line(model), more, state)))
    return "\t".join((_plain(catalog.info(model).title), known, _plain(model.path)))


def _plain(text: object) -> str:
    """In one field of one line, whatever the name of a file holds."""
    return "".join(sign if sign.isprintable() else "?" for sign in names.shown(text))


def _server_line(model: ModelInfo) -> str:
    known = [
        model.provider + (" (cloud)" if model.is_cloud else ""),
        wording.size(model.size) if model.size else "",
        model.quantisation,
        f"{model.trained_context:,} tokens" if model.trained_context else "",
        "does not answer now" if model.is_stale else "",
    ]
    return "\t".join(
        (_plain(model.title), _plain(" · ".join(filter(None, known))), _plain(model.ref))
    )


def server_json(info: ModelInfo) -> dict[str, Any]:
    """What is known of any model; a file of the library has more."""
    return {
        "ref": str(info.ref),
        "name": info.name,
        "path": info.ref.model,
        "size": info.size,
        "quantisation": info.quantisation,
        "architecture": info.architecture,
        "parameters": info.parameters,
        "trained_context": info.trained_context,
        "description": info.description,
        "provider": info.ref.provider,
        "cloud": info.is_cloud,
        "features": sorted(info.features),
        "state": "stale" if info.is_stale else "here",
    }


def as_json(model: LibraryModel, computer: Computer) -> dict[str, Any]:
    """All that is known of a model of the library; times are in ISO 8601, sizes in bytes."""
    source, fits = model.source, fit(model, computer)
    return {
        **server_json(catalog.info(model)),
        "files": [str(file) for file in model.files],
        "kind": model.kind,
        "features": sorted(model.features),
        "licence": model.licence,
        "program": model.program,
        "state": model.presence,
        "problem": model.problem,
        "can_be_loaded": catalog.can_be_loaded(model),
        "fits": fits,
        "projector": str(model.projector) if model.projector else None,
        "source": {
            "repo": source.repo,
            "file": source.file,
            "revision": source.revision,
            "sha256": source.sha256,
        }
        if source
        else None,
        "other_names": list(model.other_names),
        "shipped": model.is_shipped,
        "last_used": model.last_used.isoformat() if model.last_used else None,
        "modified": model.modified,
    }

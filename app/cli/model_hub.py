"""`hearth models search` and `pull`: what Hugging Face has, and fetching it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import gguf, paths, wording
from app.cli import console, model_choice, session
from app.cli.model_fetch import fetch
from app.cli.parser import EXIT_DONE, EXIT_INTERRUPTED
from app.errors import ApiError, HearthError, UsageError
from app.library.catalog import USABLE
from app.library.describing import VERDICTS, judgement
from app.library.downloads import placing
from app.library.hub import environment
from app.library.hub.access import TOKEN_KEY
from app.library.hub.client import MAIN, Sort, Wanted
from app.library.records import HubModel, Kind

if TYPE_CHECKING:
    import argparse

    from app.core import Core
    from app.gguf import Header
    from app.library.hub.verdict import Judgement
    from app.library.records import Download, HubRepo

HEADER_SECONDS = 5.0  # for the beginning of a file, before its size has to tell
SORTS = {
    "downloads": Sort.DOWNLOADS,
    "likes": Sort.LIKES,
    "trending": Sort.TRENDING,
    "new": Sort.NEW,
}


def search(options: argparse.Namespace) -> int:
    """Lists repositories."""
    repos = asyncio.run(_search(options))
    if options.json:
        console.print_json([_repo(repo) for repo in repos])
        return EXIT_DONE
    if not repos:
        console.say("Nothing was found. Fewer words find more.")
    for repo in repos:
        facts = (
            repo.architecture,
            wording.parameters(repo.parameters) if repo.parameters else "",
            f"{repo.trained_context:,} tokens" if repo.trained_context else "",
            "vision" if repo.is_vision else "",
            "embedding" if repo.is_embedding else "",
            repo.licence,
            f"{wording.count(repo.downloads)} downloads" if repo.downloads else "",
            "terms to accept" if repo.is_gated else "",
        )
        print(f"{repo.id}\t{' · '.join(filter(None, facts))}")
    return EXIT_DONE


def pull(options: argparse.Namespace) -> int:
    """Fetches a model, or goes on with one that was begun; with --list shows what there is."""
    if options.list:
        models, judged = asyncio.run(_listed(options))
        _print_files(models, judged, as_json=options.json)
        return EXIT_DONE
    try:
        download = asyncio.run(_pull(options))
    except KeyboardInterrupt:
        console.show()
        console.say("Stopped. The same command goes on where it stopped.")
        return EXIT_INTERRUPTED
    if options.json:
        console.print_json(_fetched(download))
    else:
        print(download.files[0])
    return EXIT_DONE


@asynccontextmanager
async def _opened(options: argparse.Namespace) -> AsyncIterator[Core]:
    """The core, with the token of the environment if that is to be used.

    Raises:
        UsageError: there is none.
    """
    async with session.opened(paths.find(options.home)) as core:
        token = core.access.offered_token
        if options.hf_token and not token:
            raise UsageError(f"The variable {environment.TOKEN} holds no token.")
        if options.hf_token:
            core.credentials.lend(TOKEN_KEY, token)
        yield core


async def _search(options: argparse.Namespace) -> Sequence[HubRepo]:
    async with _opened(options) as core:
        return await core.hub.search(
            " ".join(options.words),
            wanted=Wanted(options.kind),
            sort=SORTS[options.sort],
            limit=options.limit,
        )


async def _listed(
    options: argparse.Namespace,
) -> tuple[Sequence[HubModel], Mapping[str, Judgement]]:
    """The models of a repository, and by their first files whether they fit."""
    asked = model_choice.parse(options.repo)
    async with _opened(options) as core:
        models = await core.hub.models(asked.repo, options.revision or asked.revision or MAIN)
        judge = await asyncio.to_thread(core.judging.look)
        first = next((model for model in models if model.kind is Kind.CHAT), None)
        header = await _header(core, first)
        usable = [model for model in models if model.kind in USABLE]
        return models, {one.files[0].path: judge.offered(one, header) for one in usable}


async def _header(core: Core, model: HubModel | None) -> Header | None:
    """What the beginning of a file says; None where it cannot be read, so that its size tells."""
    if model is None:
        return None
    try:
        async with asyncio.timeout(HEADER_SECONDS):
            return await core.hub.header(model)
    except (HearthError, TimeoutError):  # what hinders the download, it says itself
        return None


async def _pull(options: argparse.Namespace) -> Download:
    asked = model_choice.parse(options.repo)
    if options.file and asked.wanted:
        raise UsageError(
            f"Both “{asked.wanted}” and “{options.file}” are named.", "Name one of them."
        )
    async with _opened(options) as core:
        revision = options.revision or asked.revision or MAIN
        found = await core.hub.listing(asked.repo, revision)
        model = model_choice.choose(found.models, options.file or asked.wanted, asked.repo)
        folder = _folder(core)
        console.say(f"{model.name}, {wording.size(model.size)}, to {folder}")
        await _tell(core, model, folder)
        try:
            return await fetch(core, model, folder)
        except ApiError as error:
            if found.repo.is_gated and not options.hf_token:
                error.remedy += f" Here: put it into {environment.TOKEN} and add --hf-token."
            raise


def _folder(core: Core) -> Path:
    """Where downloads go; what is no absolute path is not looked into, so it is not used."""
    chosen = Path(core.settings.settings.models.download_folder.strip()).expanduser()
    return chosen if chosen.is_absolute() else core.paths.models


async def _tell(core: Core, model: HubModel, folder: Path) -> None:
    """Says before the download whether the model fits, by its own header."""
    if model.kind not in USABLE:
        console.say(f"This file is no model by itself, but: {model.kind}.")
        return
    here = next((one[0] for one in placing.candidates(folder, model) if one[0].is_file()), None)
    header = await (_header(core, model) if here is None else asyncio.to_thread(_read, here))
    judge = await asyncio.to_thread(core.judging.look)
    console.say(judgement(judge.own(model, header)))


def _read(file: Path) -> Header | None:
    """As `_header`, of a file that was fetched before."""
    try:
        return gguf.read(file)
    except HearthError:
        return None


def _print_files(
    models: Sequence[HubModel], judged: Mapping[str, Judgement], *, as_json: bool
) -> None:
    labels = model_choice.labels(models)
    if as_json:
        pairs = zip(models, labels, strict=True)
        console.print_json([_model(*pair, judged.get(pair[0].files[0].path)) for pair in pairs])
        return
    if not models:
        console.say("There is no model in the GGUF format.")
    for model, label in zip(models, labels, strict=True):
        found = judged.get(model.files[0].path)
        facts = (
            model.quantisation,
            wording.size(model.size),
            f"{len(model.files)} parts" if len(model.files) > 1 else "",
            VERDICTS[found.verdict] if found is not None else model.kind,
        )
        print(f"{label}\t{' · '.join(filter(None, facts))}")


def _model(model: HubModel, label: str, judged: Judgement | None) -> dict[str, Any]:
    return {
        "name": label,
        "repo": model.repo,
        "revision": model.revision,
        "files": [file.path for file in model.files],
        "size": model.size,
        "quantisation": model.quantisation,
        "kind": model.kind,
        "fits": judged.verdict if judged is not None else None,
    }


def _fetched(download: Download) -> dict[str, Any]:
    model = download.model
    return {
        "name": model.name,
        "repo": model.repo,
        "revision": model.revision,
        "quantisation": model.quantisation,
        "files": [str(file) for file in download.files],
        "size": download.total,
    }


def _repo(repo: HubRepo) -> dict[str, Any]:
    return {
        "id": repo.id,
        "downloads": repo.downloads,
        "likes": repo.likes,
        "updated": repo.updated.isoformat() if repo.updated else None,
        "gated": repo.is_gated,
        "licence": repo.licence,
        "architecture": repo.architecture,
        "parameters": repo.parameters,
        "trained_context": repo.trained_context,
        "vision": repo.is_vision,
        "embedding": repo.is_embedding,
    }

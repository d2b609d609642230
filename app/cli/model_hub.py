"""`hearth models search` and `pull`: what Hugging Face has, and fetching it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import paths, wording
from app.cli import console, model_choice, session
from app.cli.model_fetch import fetch
from app.cli.parser import EXIT_DONE, EXIT_INTERRUPTED
from app.errors import ApiError, UsageError
from app.library import shelf
from app.library.describing import VERDICTS, judgement
from app.library.hub import environment
from app.library.hub.access import TOKEN_KEY
from app.library.hub.client import MAIN, Sort, Wanted
from app.library.hub.verdict import Verdict, by_size
from app.library.records import HubModel, Kind

if TYPE_CHECKING:
    import argparse

    from app.core import Core
    from app.library.records import Download, HubRepo
    from app.schema import Hardware

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
        _print_files(asyncio.run(_listed(options)), as_json=options.json)
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


async def _listed(options: argparse.Namespace) -> Sequence[HubModel]:
    asked = model_choice.parse(options.repo)
    async with _opened(options) as core:
        return await core.hub.models(asked.repo, options.revision or asked.revision or MAIN)


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
        _warn(model)
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


def _warn(model: HubModel) -> None:
    """Says before the download what would disappoint after it."""
    if model.kind not in (Kind.CHAT, Kind.EMBEDDING):
        console.say(f"This file is no model by itself, but: {model.kind}.")
        return
    judged = by_size(model.size, shelf.computer())
    if judged.verdict in (Verdict.NEVER, Verdict.CROWDED):
        console.say(judgement(judged))


def _print_files(models: Sequence[HubModel], *, as_json: bool) -> None:
    computer = shelf.computer()
    labels = model_choice.labels(models)
    if as_json:
        pairs = zip(models, labels, strict=True)
        console.print_json([_model(model, label, computer) for model, label in pairs])
        return
    if not models:
        console.say("There is no model in the GGUF format.")
    for model, label in zip(models, labels, strict=True):
        is_model = model.kind in (Kind.CHAT, Kind.EMBEDDING)
        facts = (
            model.quantisation,
            wording.size(model.size),
            f"{len(model.files)} parts" if len(model.files) > 1 else "",
            VERDICTS[shelf.fit(model.size, computer)] if is_model else model.kind,
        )
        print(f"{label}\t{' · '.join(filter(None, facts))}")


def _model(model: HubModel, label: str, computer: Hardware) -> dict[str, Any]:
    return {
        "name": label,
        "repo": model.repo,
        "revision": model.revision,
        "files": [file.path for file in model.files],
        "size": model.size,
        "quantisation": model.quantisation,
        "kind": model.kind,
        "fits": shelf.fit(model.size, computer),
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

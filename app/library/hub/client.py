"""Asks Hugging Face: for repositories with GGUF models, and for what is in them."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from app.errors import ModelMissing
from app.library.hub import asking, repos
from app.library.hub.failures import Question
from app.library.hub.header import header_of
from app.library.hub.line import Line
from app.library.hub.remote_file import RemoteFile

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from app.gguf import Header
    from app.library.hub.access import Access
    from app.library.hub.repos import Listing
    from app.library.records import HubModel, HubRepo

Result = TypeVar("Result")
MAIN = "main"
MOST = 100  # repositories of one search
LISTED: Any = ["downloads", "gated", "gguf", "lastModified", "likes", "pipeline_tag", "tags"]
# A repository's name, alone or in the address of one of its pages.
NAMED = re.compile(
    r"(?:(?:https?://)?(?:[\w.-]+\.\w+|localhost)(?::\d+)?/)?"
    r"(?P<name>\w[\w.-]*/\w[\w.-]*?)(?:/(?:tree|blob|resolve|discussions).*)?/?(?:\?.*)?"
)


class Wanted(StrEnum):
    """What kind of models a search is for."""

    ANY = "any"
    CHAT = "chat"
    VISION = "vision"  # they see pictures
    EMBEDDING = "embedding"


class Sort(StrEnum):
    """What comes first."""

    DOWNLOADS = "downloads"
    LIKES = "likes"
    TRENDING = "trending_score"
    NEW = "last_modified"


class Hub:
    """Searches and lists; every call ends at once when it is cancelled."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def search(
        self,
        words: str = "",
        *,
        wanted: Wanted = Wanted.ANY,
        sort: Sort = Sort.DOWNLOADS,
        limit: int = 30,
    ) -> list[HubRepo]:
        """Repositories with GGUF files; one that the words name exactly comes first.

        Args:
            words: parts of the name, or a repository's name or page; none for all there are.
            wanted: the kind of models.
            sort: what comes first.
            limit: how many at most, up to 100.

        Raises:
            ProviderError: Hugging Face cannot be asked (see `failures.is_offline`), or refuses.
        """
        words = " ".join(words.split())
        limit = max(1, min(limit, MOST))
        return await self._call("", partial(_search, words, wanted, sort, limit))

    async def listing(self, repo: str, revision: str = MAIN) -> Listing:
        """A repository with its files at a branch or commit. Raises ProviderError."""
        return await self._call(repo, partial(_listing, repo, revision))

    async def models(self, repo: str, revision: str = MAIN) -> list[HubModel]:
        """What can be fetched from a repository, small ones first. Raises ProviderError."""
        return list((await self.listing(repo, revision)).models)

    async def header(self, model: HubModel) -> Header:
        """What the file of a model says of itself, of a split one the first part's.

        Raises:
            ProviderError: it cannot be fetched, as from a gated repository (`failures.is_gated`).
            ModelFileError: the file is no GGUF model, or damaged.
        """
        async with self.open(model.repo, model.revision, model.files[0].path) as file:
            return await header_of(file, model.files[0].path)

    def open(self, repo: str, revision: str, path: str) -> RemoteFile:
        """A file of a repository, to read parts of it; to be used as a context manager."""
        return RemoteFile(self._access, repo, revision, path)

    def page(self, repo: str) -> str:
        """The web page of a repository, with its description and its terms."""
        return self._access.page(repo)

    async def _call(self, repo: str, work: Callable[[HfApi], Result]) -> Result:
        """What `work` finds out with huggingface_hub, in a thread."""
        link = await self._access.link()
        question = Question(self._access.name, repo, with_token="Authorization" in link.headers)
        async with await self._access.client(link) as client:
            send = partial(asking.ask, client, link, question)
            async with Line(question, send) as line:
                return await asyncio.to_thread(_run, line, link.url, work)


def _run(line: Line, endpoint: str, work: Callable[[HfApi], Result]) -> Result:
    bridge = importlib.import_module("app.library.hub.bridge")  # half a second, the first time
    result: Result = bridge.run(line, endpoint, work)
    return result


def _search(words: str, wanted: Wanted, sort: Sort, limit: int, api: HfApi) -> list[HubRepo]:
    match = NAMED.fullmatch(words)
    found: dict[str, HubRepo] = {}
    if match is not None:
        with suppress(ModelMissing):
            named = repos.repo(api.model_info(match["name"], expand=LISTED))
            found[named.id] = named
    for task in _tasks(wanted):
        listed = api.list_models(
            filter="gguf",
            apps="llama.cpp",
            search=match["name"] if match else words or None,
            pipeline_tag=task,
            sort=sort.value,
            limit=limit,
            expand=LISTED,
        )
        for info in listed:
            repo = repos.repo(info)
            if wanted is not Wanted.CHAT or not (repo.is_embedding or repos.is_other(info)):
                found.setdefault(repo.id, repo)
    return _in_order(list(found.values()), wanted, sort)[:limit]


def _tasks(wanted: Wanted) -> tuple[str | None, ...]:
    """What the Hub calls the models that are wanted; it takes one task at a time."""
    if wanted is Wanted.EMBEDDING:
        return repos.EMBEDDING_TASKS
    return (repos.VISION_TASK,) if wanted is Wanted.VISION else (None,)


def _in_order(found: list[HubRepo], wanted: Wanted, sort: Sort) -> list[HubRepo]:
    """As the Hub has sorted them; where there were several answers, they are sorted once more."""
    if wanted is not Wanted.EMBEDDING or sort is Sort.TRENDING:
        return found
    if sort is Sort.NEW:
        return sorted(found, key=lambda repo: repo.updated.timestamp() if repo.updated else 0)[::-1]
    key: Callable[[HubRepo], int] = (
        (lambda repo: repo.likes) if sort is Sort.LIKES else (lambda repo: repo.downloads)
    )
    return sorted(found, key=key, reverse=True)


def _listing(repo: str, revision: str, api: HfApi) -> Listing:
    wanted = None if revision == MAIN else revision
    return repos.listing(api.model_info(repo, revision=wanted, files_metadata=True))

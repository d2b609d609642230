"""Whether models that were fetched from the Hub have changed there, and what changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from app.errors import HearthError, Misconfigured, ModelMissing, RateLimited
from app.library.hub import comparison, failures, files
from app.library.hub.client import MAIN
from app.library.hub.comparison import What

if TYPE_CHECKING:
    from app.library.hub.client import Hub
    from app.library.hub.repos import Listing
    from app.library.records import HubFile, LibraryModel, Source

WEEK = timedelta(days=7)
NAMES = {
    What.TEMPLATE: "its chat template",
    What.METADATA: "what it says of itself",
    What.WEIGHTS: "its weights",
    What.OTHER: "something beside the weights, such as its vocabulary",
}


class State(StrEnum):
    """How a fetched model stands to its source."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    GONE = "gone"  # the file or its repository is not there any more
    UNKNOWN = "unknown"  # `message` says why


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one model; `what` may be empty where it could not be told."""

    model: LibraryModel
    state: State
    what: frozenset[What] = frozenset()
    revision: str = ""  # the commit that is newest now
    size: int = 0  # bytes of all parts there
    message: str = ""  # in a sentence


def is_due(last: datetime | None, now: datetime, *, allowed: bool) -> bool:
    """Whether to ask again by itself: once a week, if the person allows it at all."""
    if not allowed or last is None:
        return allowed
    last = last if last.tzinfo else last.replace(tzinfo=UTC)  # written by hand
    return now - last >= WEEK or last > now  # the clock was set back


async def look(hub: Hub, models: Iterable[LibraryModel]) -> AsyncGenerator[Finding, None]:
    """Asks for each model that came from the Hub; to be closed when it is left early.

    Raises:
        ProviderError: the Hub cannot be asked at all, as while this computer is offline.
    """
    asked = _Listings(hub)
    for model in models:
        if model.source is not None:
            yield await _found(hub, asked, model, model.source)


class _Listings:
    """Asks for each repository and commit once."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._known: dict[tuple[str, str], Listing] = {}

    async def get(self, repo: str, revision: str = MAIN) -> Listing:
        key = repo, revision
        if key not in self._known:
            self._known[key] = await self._hub.listing(repo, revision)
        return self._known[key]


async def _found(hub: Hub, asked: _Listings, model: LibraryModel, source: Source) -> Finding:
    try:
        return await _compared(hub, asked, model, source)
    except HearthError as error:
        if _concerns_all(error):
            raise
        state = State.GONE if isinstance(error, ModelMissing) else State.UNKNOWN
        return Finding(model, state, message=str(error))


def _concerns_all(error: HearthError) -> bool:
    """Whether asking for other models would go wrong in the same way."""
    is_refused = isinstance(error, Misconfigured) and not failures.is_gated(error)
    return failures.is_offline(error) or is_refused or isinstance(error, RateLimited)


async def _compared(hub: Hub, asked: _Listings, model: LibraryModel, source: Source) -> Finding:
    now = await asked.get(source.repo)
    there = {path: now.file(path) for path in files.part_names(source.file)}
    known = {path: file for path, file in there.items() if file is not None}
    if len(known) < len(there):
        message = f"“{source.repo}” does not have this file any more."
        return Finding(model, State.GONE, revision=now.revision, message=message)
    finding = Finding(
        model,
        State.UNCHANGED,
        revision=now.revision,
        size=sum(file.size for file in known.values()),
    )
    if now.revision == source.revision:
        return finding
    changed = await _changed(asked, model, source, known)
    if changed is None:
        message = f"“{source.repo}” does not tell enough of its files to compare them."
        return replace(finding, state=State.UNKNOWN, message=message)
    if not changed:
        return finding
    what, message = await _what(hub, model, now, list(known), changed)
    return replace(finding, state=State.CHANGED, what=what, message=message)


async def _changed(
    asked: _Listings, model: LibraryModel, source: Source, now: Mapping[str, HubFile]
) -> frozenset[str] | None:
    """The parts that are others now; None where it cannot be told."""
    before = {source.file: source.sha256} if source.sha256 else {}
    if len(before) < len(now) and source.revision:
        with suppress(ModelMissing):  # the commit may be gone
            old = await asked.get(source.repo, source.revision)
            before = {file.path: file.content for file in old.files} | before
    different, unknown = set(), set()
    for path, file in now.items():
        if not (before.get(path) and file.content):
            unknown.add(path)
        elif before[path].lower() != file.content:
            different.add(path)
    if not different and unknown:
        is_same_size = model.size == sum(file.size for file in now.values())
        return None if is_same_size else frozenset(unknown)
    return frozenset(different)


async def _what(
    hub: Hub, model: LibraryModel, now: Listing, parts: Sequence[str], changed: frozenset[str]
) -> tuple[frozenset[What], str]:
    """What changed, and why that could not be told wholly; all but the first part are weights."""
    first = parts[0]
    found = frozenset({What.WEIGHTS}) if changed - {first} else frozenset()
    if first not in changed:
        return found, ""
    try:
        async with hub.open(now.repo.id, now.revision, first) as remote:
            return found | await comparison.differences(model.path, remote, first), ""
    except HearthError as error:
        if _concerns_all(error):
            raise
        return found, str(error)


def sentence(finding: Finding) -> str:
    """What was found out, for the person."""
    if finding.state is State.UNCHANGED:
        return "It is the same on Hugging Face."
    if finding.state is not State.CHANGED:
        return finding.message
    names = [NAMES[what] for what in What if what in finding.what]
    if not names:
        return f"It has changed on Hugging Face; what, could not be told. {finding.message}".strip()
    changed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    kept = "" if What.WEIGHTS in finding.what else " The weights seem to be the same."
    return f"It has changed on Hugging Face: {changed}.{kept}"

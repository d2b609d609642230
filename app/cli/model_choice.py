"""What a person means by `owner/name:Q4_K_M`, by the address of a page, by a pattern. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote

from app.errors import NoModel, UsageError
from app.library.records import HubModel, Kind

FIRST_CHOICES = ("Q4_K_M", "Q8_0")  # as llama.cpp chooses where nothing is named
SHOWN = 12  # names, in a message
NAMED = re.compile(
    r"(?:https?://[^/]+/|(?:hf\.co|huggingface\.co)/)?"
    r"(?P<repo>[\w.-]+/[\w.-]+)"
    r"(?:/(?:tree|blob|resolve)/(?P<revision>[^/?]+)(?:/(?P<file>[^?]*))?)?"
    r"/?(?:\?[^:]*)?(?::(?P<wanted>.+))?"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A repository, what of it is wanted, and at which branch or commit; "" for the usual ones."""

    repo: str
    wanted: str = ""
    revision: str = ""


def parse(text: str) -> Asked:
    """Reads `owner/name`, with `:QUANTISATION` behind it, or the address of a page or a file.

    Raises:
        UsageError: it is none of them.
    """
    match = NAMED.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"“{text}” is not the name of a repository, such as owner/name.",
            f"Look for one with: hearth models search {text.partition(':')[0]}",
        )
    file = match["file"] or ""
    is_file = file.lower().endswith(".gguf")
    return Asked(
        repo=match["repo"],
        wanted=match["wanted"] or (unquote(file) if is_file else ""),
        revision=unquote(match["revision"] or ""),
    )


def choose(models: Sequence[HubModel], wanted: str, repo: str) -> HubModel:
    """What of a repository is meant by a file's name, a pattern or a quantisation; none: the usual.

    Raises:
        NoModel: there is no such file, or none at all.
        UsageError: it may be several.
    """
    able = [model for model in models if model.kind in (Kind.CHAT, Kind.EMBEDDING)]
    if not models or not (able or wanted):
        raise NoModel(
            f"{repo} has no model in the GGUF format.",
            "Others offer the same one in it: hearth models search "
            + repo.partition("/")[2].lower(),
        )
    if not wanted:
        return _usual(able)
    found = _called(able, wanted) or _called(models, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoModel(f"{repo} has nothing called “{wanted}”.", f"It has {listed(models)}.")
    raise UsageError(
        f"“{wanted}” may be several models of {repo}.", f"Name one of them: {listed(found)}."
    )


def labels(models: Sequence[HubModel]) -> list[str]:
    """What each is called so that it can be told from the others."""
    counts = Counter(model.name for model in models)
    return [model.name if counts[model.name] == 1 else model.files[0].path for model in models]


def listed(models: Sequence[HubModel]) -> str:
    """The names of the first ones in a row."""
    known = labels(models)
    more = len(known) - SHOWN
    return ", ".join(known[:SHOWN]) + (f" and {more} more (--list shows all)" if more > 0 else "")


def _usual(able: Iterable[HubModel]) -> HubModel:
    known = list(able)
    for quantisation in FIRST_CHOICES:
        for model in known:
            if model.quantisation == quantisation:
                return model
    return known[0]


def _called(models: Iterable[HubModel], wanted: str) -> list[HubModel]:
    """Those that are meant: by their whole names, else by quantisation, else by a pattern."""
    text = wanted.casefold()
    known = list(models)
    for is_meant in (_is_named(text), _has_quantisation(text), _fits(text)):
        if found := [model for model in known if is_meant(model)]:
            return found
    return []


def _names(model: HubModel) -> set[str]:
    paths = [file.path.casefold() for file in model.files]
    return {model.name.casefold(), *paths, *(path.rpartition("/")[2] for path in paths)}


def _is_named(text: str) -> Callable[[HubModel], bool]:
    return lambda model: text in _names(model)


def _has_quantisation(text: str) -> Callable[[HubModel], bool]:
    return lambda model: text == model.quantisation.casefold()


def _fits(text: str) -> Callable[[HubModel], bool]:
    return lambda model: any(fnmatchcase(name, text) for name in _names(model))

"""What can go wrong with Hugging Face, as errors that say what to do."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app import net
from app.errors import (
    ApiError,
    BadReply,
    HearthError,
    Misconfigured,
    ModelMissing,
    ProviderError,
    RateLimited,
    StreamCut,
    TimedOut,
    Unreachable,
)

HOME = "https://huggingface.co"
TOKENS_PAGE = f"{HOME}/settings/tokens"
LOCAL_WORKS = "Everything on this computer works as always."
SETTINGS = (
    "Check the address, the proxy, the certificate file and the token of Hugging Face in the "
    "settings."
)
IS_OFFLINE = "offline"  # the code of the error where Hearth itself is kept from asking
GATED = "GatedRepo"  # the Hub's own codes, in the header X-Error-Code
NO_REPO, NO_REVISION, NO_FILE = "RepoNotFound", "RevisionNotFound", "EntryNotFound"
LONGEST = 300  # characters of a server's own words
LONGEST_PAUSE = 3600.0  # seconds; a server that wants more is asked again after that
PAUSE = re.compile(r'"\w+"\s*;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)')  # of the header RateLimit


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, for the words of an error."""

    name: str  # what messages call the server
    repo: str = ""
    file: str = ""
    with_token: bool = False


def is_offline(error: HearthError) -> bool:
    """Whether it says that Hugging Face is out of reach; all that is local works then."""
    if isinstance(error, Misconfigured):
        return error.code == IS_OFFLINE
    return isinstance(error, Unreachable | TimedOut | StreamCut)


def is_gated(error: HearthError) -> bool:
    """Whether it says that the terms of a repository are to be accepted first."""
    return isinstance(error, ProviderError) and error.code == GATED


def refusal(
    question: Question, status: int, headers: Mapping[str, str], words: str = ""
) -> ProviderError:
    """The error that a reply of 400 and above stands for; header names are in lower case."""
    code = headers.get("x-error-code", "")
    said = " ".join((headers.get("x-error-message", "") or words).split())[:LONGEST]
    if code == GATED:
        made = _gated(question, status)
    elif code in (NO_REVISION, NO_FILE):
        made = _no_file(question)
    elif code == NO_REPO or (status == 404 and question.repo):
        made = _no_repo(question)
    elif status == 401:
        made = _bad_token(question)
    elif status == 407:
        made = Misconfigured("The proxy wants a name and a password.", SETTINGS)
    elif status == 511:
        made = strange_page(question.name)
    elif status == 429:
        made = _pause(question, pause_of(headers))
    else:
        made = _other(question, status, said)
    made.status, made.code, made.provider = status, code, question.name
    made.retry_after = pause_of(headers)
    made.details = made.details or said
    return made


def _gated(question: Question, status: int) -> ProviderError:
    page = f"{HOME}/{question.repo}"
    if question.with_token and status != 401:
        return Misconfigured(
            f"“{question.repo}” is only for those who have accepted its terms, and the account of "
            "your token has not, or has not been let in yet.",
            f"Log in at {page} and accept the terms there; some owners answer by hand. A token "
            "with limited rights also needs the right to read gated repositories.",
        )
    return Misconfigured(
        f"“{question.repo}” is only for those who have accepted its terms.",
        f"Log in at {page} and accept the terms there. Then make a token with the right to read "
        f"at {TOKENS_PAGE} and enter it in the settings; it is kept in your keyring.",
    )


def _no_repo(question: Question) -> ProviderError:
    if question.with_token:
        remedy = "Check its name, or whether your token may read it."
    else:
        remedy = "Check its name. For a private one, enter your token in the settings."
    return ModelMissing(
        f"{question.name} has no repository “{question.repo}”, or it is private.", remedy
    )


def _no_file(question: Question) -> ProviderError:
    what = f"no file “{question.file}” any more" if question.file else "not this version any more"
    return ModelMissing(
        f"“{question.repo}” has {what}.",
        f"Look at its files again, or at {HOME}/{question.repo}.",
    )


def _bad_token(question: Question) -> ProviderError:
    if question.with_token:
        return Misconfigured(
            f"{question.name} does not accept your token.",
            f"It may have expired: make a new one at {TOKENS_PAGE} and enter it in the settings, "
            "or remove it there; most models need none.",
        )
    return Misconfigured(
        f"{question.name} answers only with a token.",
        "Enter one in the settings. It is sent over encrypted connections alone.",
    )


def _pause(question: Question, seconds: float | None) -> ProviderError:
    wait = "a few minutes" if seconds is None else f"{max(1, math.ceil(seconds)):,} seconds"
    return RateLimited(
        f"{question.name} has had many requests from this network and wants a pause.",
        f"Try again in {wait}. With a token of your own, it allows more.",
    )


def _other(question: Question, status: int, said: str) -> ProviderError:
    words = f"says: {said}" if said else "answered with an error."
    if status >= 500:
        return ApiError(
            f"{question.name} has trouble of its own at the moment ({status}).",
            f"Try again in some minutes. {LOCAL_WORKS}",
        )
    if status in (403, 451):
        where = f"Look at {HOME}/{question.repo} for the reason." if question.repo else SETTINGS
        return ApiError(f"{question.name} refuses this ({status}); it {words}", where)
    if status == 404:
        return Misconfigured(f"{question.name} does not know this request.", SETTINGS)
    return ApiError(f"{question.name} {words} ({status})", f"Try again. {SETTINGS}")


def strange_page(name: str, details: str = "") -> BadReply:
    """The error for a web page, or a detour to another server, in place of an answer."""
    return BadReply(
        f"Something between this computer and {name} answered with a page of its own.",
        "Open a web browser: the network may want you to log in first. Otherwise check the proxy "
        "and the address of Hugging Face in the settings.",
        details[:LONGEST],
        provider=name,
    )


def damaged_reply(name: str, details: str = "") -> BadReply:
    """The error for an answer that cannot be read."""
    return BadReply(
        f"The answer of {name} is damaged, or of a kind that Hearth does not know.",
        "Try again; if it stays, look for a newer Hearth.",
        details[:LONGEST],
        provider=name,
    )


def too_slow(name: str, seconds: float) -> TimedOut:
    """The error for an answer that did not come in time."""
    return TimedOut(
        f"{name} did not answer within {seconds:g} seconds.",
        f"Check the connection to the internet, then try again. {LOCAL_WORKS}",
        provider=name,
    )


@contextmanager
def translated(name: str, link: net.Link) -> Iterator[None]:
    """Turns what httpx raises inside the block into errors that speak of the Hub."""
    import httpx

    try:
        with net.translated(name, link.url):
            yield
    except ProviderError as error:
        if not isinstance(error.__cause__, httpx.HTTPError | httpx.InvalidURL):
            raise  # it is ours already
        if isinstance(error.__cause__, httpx.ProxyError):
            raise Unreachable(error.message, SETTINGS, error.details, provider=name) from error
        raise _retold(error, name, link) from error


def _retold(error: ProviderError, name: str, link: net.Link) -> ProviderError:
    if isinstance(error, TimedOut):
        return too_slow(name, link.connect_seconds)
    if isinstance(error, StreamCut):
        return StreamCut(
            f"The connection to {name} broke.",
            f"Check the connection to the internet, then try again. {LOCAL_WORKS}",
            error.details,
            provider=name,
        )
    if isinstance(error, Unreachable):
        through = f" through the proxy {link.proxy}" if link.proxy else ""
        return Unreachable(
            f"{name} cannot be reached{through}.",
            "Check the connection to the internet, or the proxy and the address of Hugging Face "
            f"in the settings. {LOCAL_WORKS}",
            error.details,
            provider=name,
        )
    if isinstance(error, BadReply):
        return damaged_reply(name, error.details)
    return Misconfigured(error.message, SETTINGS, error.details, provider=name)


def pause_of(headers: Mapping[str, str]) -> float | None:
    """The pause in seconds that a reply asks for, as Retry-After or RateLimit, or None.

    At most an hour: a slip of one server must not end a download for days.
    """
    seconds = _wanted_pause(headers)
    return None if seconds is None else min(max(0.0, seconds), LONGEST_PAUSE)


def _wanted_pause(headers: Mapping[str, str]) -> float | None:
    if match := PAUSE.search(headers.get("ratelimit", "")):
        return float(match[1])
    text = headers.get("retry-after", "").strip()
    with suppress(ValueError):
        seconds = float(text)
        return None if math.isnan(seconds) else seconds
    try:
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return (until - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None

"""Whether Ollama can have read all of a prompt: it may leave a part out without a word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.schema import Request

CHARACTERS_PER_TOKEN = 8  # more than any language has on average, runs of one sign aside
_SPACE = re.compile(r"\s+")
_RUN = re.compile(r"(.)\1+", re.DOTALL)


def cut_notice(name: str, fewest: int, read: int, context: int) -> str:
    """A sentence for the person where the model cannot have read the whole prompt, else "".

    All in tokens: `fewest` that the prompt must have, `read` as the server counted them and
    `context` as the model was loaded with; 0 where that is not known.
    """
    if 0 < read < fewest:
        fact = f"of at least {fewest:,} tokens it read {read:,}"
    elif 0 < context < fewest:
        fact = f"that was at least {fewest:,} tokens, and the context holds {context:,}"
    else:
        return ""
    return (
        f"{name} left out a part of what was sent: {fact}. "
        "Ask for a larger context in its settings, or start a new chat."
    )


def context_notice(name: str, asked: int, given: int) -> str:
    """A sentence for the person where the context is smaller than asked for, both in tokens."""
    return (
        f"{name} gave the model a context of {given:,} tokens, though {asked:,} were asked for: "
        "longer chats do not fit."
    )


def may_exceed(request: Request, tokens: int) -> bool:
    """Whether `fewest_tokens` can be more than so many; quick, for the prompts that are short."""
    return sum(map(len, _texts(request))) // CHARACTERS_PER_TOKEN > tokens


def fewest_tokens(request: Request) -> int:
    """The fewest tokens that a prompt can have, whatever the tokenizer.

    Characters are counted, not bytes: a token holds about as many of them in every script. Runs of
    white space or of one sign count once, because one token may stand for all of it.
    """
    distinct = (len(_RUN.sub(r"\1", _SPACE.sub(" ", text))) for text in _texts(request))
    return sum(distinct) // CHARACTERS_PER_TOKEN


def counts_whole_prompt(version: str) -> bool:
    """Whether a version of Ollama counts the cached part of a prompt with the rest.

    Before 0.4 it did not, and 0.30 did not either (https://github.com/ollama/ollama/pull/16428).
    """
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return major > 0 or (minor >= 4 and minor != 30)


def _texts(request: Request) -> Sequence[str]:
    raw = request.raw
    return [turn.text for turn in request.messages] if raw is None else [raw]

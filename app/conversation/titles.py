"""Names a chat after its first exchange. Pure."""

from __future__ import annotations

import re

MAX_LENGTH = 48  # characters
SHORT = 12  # a question of fewer characters is a greeting more often than a subject
UNTITLED = "New chat"

_CODE = re.compile(r"```.*?(```|$)", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"[*_`#>~|]+")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s|\n")


def from_exchange(question: str, answer: str = "") -> str:
    """The first sentence of the question, or of the answer where the question says too little."""
    title = _first_sentence(question)
    if len(title) < SHORT and answer:
        title = _first_sentence(answer) or title
    return title or UNTITLED


def _first_sentence(text: str) -> str:
    """Without Markdown, at most MAX_LENGTH characters, cut between words."""
    plain = _MARKS.sub("", _LINK.sub(r"\1", _CODE.sub(" ", text[:2000]))).strip()
    sentence = " ".join(_SENTENCE_END.split(plain, maxsplit=1)[0].split())
    sentence = sentence.rstrip(".:,;。 ")
    if len(sentence) <= MAX_LENGTH:
        return sentence
    cut = sentence[:MAX_LENGTH]
    words = cut.rsplit(" ", 1)[0]
    return (words if len(words) > MAX_LENGTH // 2 else cut).rstrip(" .,;:–-") + "…"

"""Everything that a model's file says of itself, key by key, as a person can read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app import gguf
from app.gguf.tables import TENSOR_TYPES
from app.library.stores import reading

SHOWN_ELEMENTS = 8  # of a list
SHOWN_CHARACTERS = 200  # of a text
TEXT, FRACTIONS, TRUTH = 8, (6, 12), 7  # types of GGUF values
WORDS = {"text": "texts", "whole number": "whole numbers", "number": "numbers"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the header; `value` is the whole of it as text, where it was kept."""

    key: str
    type: str  # in words
    shown: str  # one line, shortened
    value: str


@dataclass(frozen=True, slots=True)
class Details:
    """What the header holds, and what the program whose model it is keeps beside it."""

    version: int  # of the GGUF format
    entries: tuple[Entry, ...]
    tensors: int
    tensor_types: tuple[tuple[str, int], ...]  # names and how many, the most frequent first
    texts: tuple[tuple[str, str], ...] = ()  # titles and texts, such as Ollama's template


def read(path: Path, texts: Iterable[tuple[str, Path]] = (), parts: Iterable[Path] = ()) -> Details:
    """The details of a file; `texts` are titles and files of more, `parts` those of a split model.

    Raises ModelFileError.
    """
    header = gguf.read(path)
    headers = [header, *(gguf.read(part) for part in parts if part != path)]
    types = Counter(tensor.type_id for each in headers for tensor in each.tensors)
    return Details(
        version=header.version,
        entries=tuple(entry(key, value) for key, value in header.metadata.items()),
        tensors=types.total(),
        tensor_types=tuple(
            (TENSOR_TYPES[number][0] if number in TENSOR_TYPES else f"type {number}", count)
            for number, count in types.most_common()
        ),
        texts=tuple(
            (title, content) for title, file in texts if (content := reading.text(file).strip())
        ),
    )


def entry(key: str, value: gguf.Value) -> Entry:
    """A key as it is shown."""
    if isinstance(value, gguf.LongArray):
        words = _plural(_element(value.element_type))
        text = f"{value.length:,} {words}"
        return Entry(key, f"list of {words}", text, text)
    if isinstance(value, tuple):
        word = _plural(_type(value[0])) if value else "nothing"
        whole = ", ".join(map(_plain, value))
        shown = ", ".join(_short(_plain(one)) for one in value[:SHOWN_ELEMENTS])
        if len(value) > SHOWN_ELEMENTS:
            shown = f"{shown}, … ({len(value):,} in all)"
        return Entry(key, f"list of {word}", shown, whole)
    text = _plain(value)
    return Entry(key, _type(value), _short(text), text)


def _type(value: gguf.Value) -> str:
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int):
        return "whole number"
    return "number" if isinstance(value, float) else "text"


def _element(type_id: int) -> str:
    if type_id == TEXT:
        return "text"
    if type_id in FRACTIONS:
        return "number"
    return "yes or no" if type_id == TRUTH else "whole number"


def _plural(word: str) -> str:
    return WORDS.get(word, word)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    """One line of it; line ends are marked."""
    line = text.replace("\r\n", "\n").replace("\n", " ↵ ")
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"

"""Compares a model file on this disk with the one that stands in its place on the Hub."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from app import gguf
from app.errors import ModelFileError
from app.library.hub.header import header_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.library.hub.remote_file import RemoteFile

TEMPLATE_KEY = "tokenizer.chat_template"  # and those that begin so
SAMPLES, SAMPLE = 6, 16_384  # places of the weights that are compared, and bytes of each


class What(StrEnum):
    """What differs."""

    TEMPLATE = "template"
    METADATA = "metadata"
    WEIGHTS = "weights"
    OTHER = "other"  # such as the vocabulary, of which only the length is read


async def differences(local: Path, remote: RemoteFile, name: str) -> frozenset[What]:
    """What differs between two files of which it is known that they are not the same.

    Raises:
        ModelFileError: one of them cannot be read.
        ProviderError: the one on the Hub cannot be fetched.
    """
    old = await asyncio.to_thread(gguf.read, local)
    new = await header_of(remote, name)
    found = of_headers(old, new)
    if What.WEIGHTS not in found and not await _same_samples(local, old, remote, new):
        found |= {What.WEIGHTS}
    return found or frozenset({What.OTHER})


def of_headers(old: gguf.Header, new: gguf.Header) -> frozenset[What]:
    """What can be told from the headers alone."""
    found = set()
    for key in old.metadata.keys() | new.metadata.keys():
        if old.metadata.get(key) != new.metadata.get(key):
            found.add(What.TEMPLATE if key.startswith(TEMPLATE_KEY) else What.METADATA)
    if old.tensors != new.tensors:
        found.add(What.WEIGHTS)
    return frozenset(found)


async def _same_samples(
    local: Path, old: gguf.Header, remote: RemoteFile, new: gguf.Header
) -> bool:
    """Whether the weights are the same at some places; training anew changes them everywhere."""
    span = min(old.file_size - old.data_offset, new.file_size - new.data_offset)
    places = sorted({max(0, span - SAMPLE) * n // (SAMPLES - 1) for n in range(SAMPLES)})
    ours = await asyncio.to_thread(_read, local, [old.data_offset + place for place in places])
    for place, mine in zip(places, ours, strict=True):
        if await remote.read(new.data_offset + place, len(mine)) != mine:
            return False
    return True


def _read(file: Path, places: Sequence[int]) -> list[bytes]:
    """The bytes of a file from each place on. Raises ModelFileError."""
    found = []
    try:
        with file.open("rb") as stream:
            for place in places:
                stream.seek(place)
                found.append(stream.read(SAMPLE))
    except OSError as error:
        raise ModelFileError(
            f"The model file “{file.name}” cannot be read: {error.strerror or error}.",
            "Check the file's permissions and its drive.",
            str(file),
        ) from error
    return found

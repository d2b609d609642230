"""Reads the header of a GGUF file on the Hub: the first megabytes, not the file."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

from app import gguf
from app.errors import ModelFileError

if TYPE_CHECKING:
    from app.library.hub.remote_file import RemoteFile

FIRST = 2 << 20  # bytes that are fetched at once; a vocabulary makes most headers 4 to 16 MiB long
LARGEST = 64 << 20  # bytes; a header beyond that is none


class _Short(Exception):
    """The bytes at hand end before the header does."""


class _Prefix(io.BytesIO):
    """The bytes of a file that have come, where more follow."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise _Short
        return data


async def header_of(source: RemoteFile, file: str) -> gguf.Header:
    """The header of an open file, of the first part of a split model; read until it is whole.

    Raises:
        ProviderError: it cannot be fetched.
        ModelFileError: the file is no GGUF model, or damaged.
    """
    name = file.rpartition("/")[2]
    data, wanted = b"", FIRST
    while True:
        data += await source.read(len(data), wanted - len(data))
        try:
            return await asyncio.to_thread(_parsed, data, source.size, name)
        except _Short:
            if wanted >= LARGEST:
                raise ModelFileError(
                    f"“{name}” says nothing of itself in its first {LARGEST >> 20} MiB.",
                    "Choose another file of this model.",
                ) from None
        except ModelFileError as error:
            raise ModelFileError(
                error.message,
                "The file is like this on Hugging Face: choose another one of this model.",
                error.details,
            ) from error
        wanted *= 2


def _parsed(data: bytes, size: int, name: str) -> gguf.Header:
    stream = io.BytesIO(data) if len(data) >= size else _Prefix(data)
    return gguf.read_stream(stream, size, name)

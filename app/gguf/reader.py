"""Reads the header of a GGUF model file, and nothing behind it.

Format: docs/gguf.md of ggml. Every count, length and offset comes from a stranger, so each is
checked against the size of the file before it is used. A header takes milliseconds, whatever the
size of the file.
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import BinaryIO

from app.errors import ModelFileError
from app.gguf.header import Header, LongArray, Scalar, Tensor, Value

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 65_536
MAX_TENSORS = 1_048_576
MAX_STRING = 64 << 20  # bytes
MAX_HEADER = 512 << 20  # bytes
MAX_DIMENSIONS = 4
KEPT_ELEMENTS = 4096  # longer arrays (vocabularies) are skipped and only their length is kept
READ_STEP = 1 << 20  # bytes

STRING, ARRAY = 8, 9
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _SCALARS[4], _SCALARS[10]


def read(path: str | os.PathLike[str]) -> Header:
    """Reads the header of the GGUF file at `path`.

    Raises:
        ModelFileError: the file is missing, unreadable, not GGUF, damaged or incomplete.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise ModelFileError(
                f"“{file.name}” is a folder, not a model file.", "Choose a .gguf file inside it."
            )
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            return _Reader(stream, size, file).header()
    except FileNotFoundError as error:
        raise ModelFileError(
            f"The model file “{file.name}” is not there any more.",
            "Check whether it was moved or its drive unplugged, or open another model.",
            str(file),
        ) from error
    except OSError as error:
        raise ModelFileError(
            f"The model file “{file.name}” cannot be read: {error.strerror or error}.",
            "Check the file's permissions and its drive.",
            str(file),
        ) from error
    except ValueError as error:  # a path with a NUL byte
        raise ModelFileError(f"“{file!s}” is not a path.", "Choose a .gguf file.") from error


def read_stream(stream: BinaryIO, size: int, name: str) -> Header:
    """Reads the header from the beginning of a stream, such as a part of a file elsewhere.

    Args:
        stream: gives the file's bytes from the first one on; what it raises passes through.
        size: the bytes of the whole file.
        name: the file's name, for messages.

    Raises:
        ModelFileError: it is not GGUF, damaged or incomplete.
    """
    return _Reader(stream, size, Path(name)).header()


class _Reader:
    """A cursor over the file's beginning that reads only as far as the header goes."""

    def __init__(self, stream: BinaryIO, size: int, path: Path) -> None:
        self._stream = stream
        self._size = size
        self._path = path
        self._buffer = bytearray()
        self._position = 0

    def header(self) -> Header:
        """The whole header; see `read`."""
        version, tensor_count, key_count = self._preamble()
        metadata: dict[str, Value] = {}
        for _ in range(key_count):
            key = self._string()
            metadata[key] = self._value(self._integer(_U32))
        infos = [self._tensor() for _ in range(tensor_count)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise self._damaged(f"alignment {alignment!r}")
        data_offset = -(-self._position // alignment) * alignment
        tensors = tuple(infos)
        self._check_complete(tensors, data_offset)
        return Header(version, metadata, tensors, data_offset, self._size, self._path)

    def _preamble(self) -> tuple[int, int, int]:
        """The version, the number of tensors and the number of keys."""
        if self._size == 0:
            raise ModelFileError(
                f"“{self._path.name}” is empty.", "Its download did not finish: fetch it again."
            )
        magic = self._take(4) if self._size >= 4 else b""
        if magic != MAGIC:
            raise ModelFileError(
                f"“{self._path.name}” is not a GGUF model.",
                "Hearth reads models in the GGUF format, whose files end in .gguf.",
                f"The file begins with {bytes(magic)!r}.",
            )
        version = self._integer(_U32)
        if version not in VERSIONS:
            raise self._wrong_version(version)
        tensor_count, key_count = self._integer(_U64), self._integer(_U64)
        # A tensor's entry takes at least 24 bytes, a key's 13: counts beyond that are nonsense.
        if tensor_count > min(MAX_TENSORS, self._size // 24):
            raise self._damaged(f"{tensor_count} tensors")
        if key_count > min(MAX_KEYS, self._size // 13):
            raise self._damaged(f"{key_count} keys")
        return version, tensor_count, key_count

    def _wrong_version(self, version: int) -> ModelFileError:
        name = f"“{self._path.name}”"
        if version & 0xFFFF == 0 and version >> 24 in VERSIONS:
            return ModelFileError(
                f"{name} is written for big-endian computers.",
                "Fetch the usual little-endian file of this model.",
            )
        if version == 1:
            return ModelFileError(
                f"{name} uses GGUF version 1 of 2023, which llama.cpp no longer reads.",
                "Fetch a newer file of this model.",
            )
        return ModelFileError(
            f"{name} uses GGUF version {version}, which this Hearth does not know.",
            "Update Hearth, or fetch a file of version 2 or 3.",
        )

    def _check_complete(self, tensors: tuple[Tensor, ...], data_offset: int) -> None:
        """Raises where the file ends before its tensors do."""
        end = max((t.offset + (t.size or 0) for t in tensors), default=0)
        if tensors and data_offset + end > self._size:
            raise ModelFileError(
                f"“{self._path.name}” is incomplete: {self._size:,} of "
                f"{data_offset + end:,} bytes are there.",
                "Its download did not finish: fetch it again.",
            )

    def _damaged(self, details: str) -> ModelFileError:
        return ModelFileError(
            f"“{self._path.name}” is damaged: its header makes no sense.",
            "Fetch the file again.",
            f"{details}, at byte {self._position} of {self._size}",
        )

    def _require(self, count: int) -> None:
        """Has `count` bytes from the cursor on in the buffer, or raises."""
        end = self._position + count
        if end > self._size:
            raise ModelFileError(
                f"“{self._path.name}” is incomplete: it ends inside its header.",
                "Its download did not finish: fetch it again.",
                f"byte {end} is wanted, {self._size} are there",
            )
        if end > MAX_HEADER:
            raise self._damaged(f"a header of more than {MAX_HEADER} bytes")
        while end > len(self._buffer):
            read = self._stream.read(max(READ_STEP, end - len(self._buffer)))
            if not read:
                self._size = len(self._buffer)  # it was cut while it was read
                self._require(count)
            self._buffer += read

    def _take(self, count: int) -> bytes:
        self._require(count)
        start = self._position
        self._position += count
        return bytes(self._buffer[start : self._position])

    def _integer(self, layout: struct.Struct) -> int:
        self._require(layout.size)
        value: int = layout.unpack_from(self._buffer, self._position)[0]
        self._position += layout.size
        return value

    def _string(self) -> str:
        length = self._integer(_U64)
        if length > MAX_STRING:
            raise self._damaged(f"a string of {length} bytes")
        return self._take(length).decode("utf-8", errors="replace")

    def _value(self, type_id: int) -> Value:
        if type_id == STRING:
            return self._string()
        if type_id == ARRAY:
            return self._array()
        if type_id not in _SCALARS:
            raise self._damaged(f"value type {type_id}")
        layout = _SCALARS[type_id]
        self._require(layout.size)
        value: Scalar = layout.unpack_from(self._buffer, self._position)[0]
        self._position += layout.size
        return value

    def _array(self) -> Value:
        element_type, length = self._integer(_U32), self._integer(_U64)
        layout = _SCALARS.get(element_type)
        if (layout is None and element_type != STRING) or length > self._size:
            raise self._damaged(f"an array of {length} elements of type {element_type}")
        if length > KEPT_ELEMENTS:
            if layout:
                self._require(length * layout.size)
                self._position += length * layout.size
            else:
                self._skip_strings(length)
            return LongArray(element_type, length)
        return tuple(self._scalar(element_type) for _ in range(length))

    def _scalar(self, type_id: int) -> Scalar:
        value = self._value(type_id)
        assert not isinstance(value, tuple | LongArray)  # noqa: S101 - for the type checker
        return value

    def _skip_strings(self, count: int) -> None:
        """Passes over a vocabulary: a tight loop, since there may be half a million entries."""
        unpack, buffer, position = _U64.unpack_from, self._buffer, self._position
        for _ in range(count):
            if position + 8 > len(buffer):
                self._position = position
                self._require(8)
            length = unpack(buffer, position)[0]
            if length > MAX_STRING:
                self._position = position
                raise self._damaged(f"a string of {length} bytes")
            position += 8 + length
        self._position = position
        self._require(0)

    def _tensor(self) -> Tensor:
        name = self._string()
        dimensions = self._integer(_U32)
        if dimensions > MAX_DIMENSIONS:
            raise self._damaged(f"{dimensions} dimensions in {name!r}")
        shape = tuple(self._integer(_U64) for _ in range(dimensions))
        if math.prod(shape) > 1 << 60:
            raise self._damaged(f"shape {shape} of {name!r}")
        return Tensor(name, shape, self._integer(_U32), self._integer(_U64))

"""Splits a stream of bytes into lines, wherever the network cut it.

Lines end with LF, CR LF or CR and with nothing else: U+2028 and its like, at which `str.splitlines`
also cuts, are legal inside JSON.
"""

from __future__ import annotations

import re

from app.errors import BadReply

LONGEST = 64 * 1024 * 1024  # bytes of one line; more is no answer of a language model
_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Lines:
    """Takes the bytes as they come; gives the lines that they complete."""

    def __init__(self, name: str = "The server", longest: int = LONGEST) -> None:
        """`name` is the server's; `longest` is how many bytes a line may have."""
        self._name = name
        self._parts: list[bytes] = []  # of the line that is not complete yet
        self._length = 0
        self._longest = longest
        self._begun = False
        self._after_cr = False  # a LF that comes next belongs to the line before it

    def feed(self, data: bytes) -> list[str]:
        """The lines that end within `data`, without their ends.

        Raises:
            BadReply: a line is too long.
        """
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        self._after_cr = data.endswith(b"\r")
        *complete, rest = _END.split(data)
        lines = []
        for piece in complete:
            self._hold(piece)
            lines.append(self._release())
        if rest:
            self._hold(rest)
        return lines

    def end(self) -> list[str]:
        """The last line, where the stream ended without a line end."""
        return [self._release()] if self._parts else []

    def _hold(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > self._longest:
            raise BadReply(
                f"{self._name} sent a line that does not end.",
                "Check its address in the settings: this is no answer of a language model.",
                provider=self._name,
            )
        self._parts.append(part)

    def _release(self) -> str:
        line = b"".join(self._parts)
        self._parts.clear()
        self._length = 0
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
        return line.decode("utf-8", "replace")

"""Turns the bytes of tokens into text that can be shown. Pure: bytes in, text out."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Decodes UTF-8 that is split over tokens, and ends the text before a stop string.

    Text that may turn out to be the beginning of a stop string is held back until that is known.
    Bytes that are no UTF-8 at all are left out, so a replacement mark never appears.
    """

    def __init__(self, stop: Sequence[str] = (), *, trim_start: bool = False) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("ignore").decode
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self._trim_start = trim_start
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """The text that has become certain with this piece; sets `stopped` at a stop string."""
        if self.stopped:
            return ""
        text = self._decode(piece)
        if self._trim_start:
            text = text.lstrip()
            self._trim_start = not text
        self._held += text
        found = [at for at in map(self._held.find, self._stop) if at >= 0]
        if found:
            self.stopped = True
            ready, self._held = self._held[: min(found)], ""
            return ready
        keep = self._possible_stop()
        ready, self._held = self._held[: len(self._held) - keep], self._held[-keep:] * bool(keep)
        return ready

    def close(self) -> str:
        """What was held back and is text after all; an unfinished character is dropped."""
        rest, self._held = self._held, ""
        return "" if self.stopped else rest

    def _possible_stop(self) -> int:
        """The length of the longest ending that begins one of the stop strings."""
        longest = min(len(self._held), max(map(len, self._stop), default=1) - 1)
        for length in range(longest, 0, -1):
            ending = self._held[-length:]
            if any(stop.startswith(ending) for stop in self._stop):
                return length
        return 0

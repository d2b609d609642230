"""A flag that native code looks at without entering Python.

llama.cpp asks its abort callback once per graph node, a thousand times per token. A callback
written in Python would take the interpreter's lock each time and stall the window; so the callback
is C's own `strlen`, and the flag is the text that it measures: empty means go on, one character
means stop.
(`bool (*)(void *)` reads the low byte of the result, which is 0 or 1 here.)
"""

from __future__ import annotations

import ctypes
import sys

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)


class AbortFlag:
    """Set on any thread, seen by a running llama.cpp within one graph node."""

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)
        library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        address = ctypes.cast(library.strlen, ctypes.c_void_p).value
        assert address is not None  # noqa: S101 - every C library has strlen
        self.callback = CALLBACK(address)
        self.data = ctypes.cast(self._text, ctypes.c_void_p)

    def set(self) -> None:
        """Asks the running computation to stop."""
        self._text[0] = b"x"

    def clear(self) -> None:
        """Lets the next computation run."""
        self._text[0] = b"\0"

    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._text[0] != b"\0"

"""llama.cpp's own log: kept while a model loads, so that a failure can say why."""

from __future__ import annotations

import ctypes
import logging
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import llama_cpp
import llama_cpp.llama_cpp as llama

from app.errors import ModelError, ModelFileError, ModelLoadError, ModelTooLarge, UnsupportedModel

KEPT_LINES = 40
_DAMAGE = "check_tensor|missing tensor|not within the file bounds|corrupted|wrong shape|invalid"
_LOG = logging.getLogger("llama.cpp")
_DEBUG, _WARNING, _ERROR = 1, 3, 4  # ggml.h, enum ggml_log_level


@llama_cpp.llama_log_callback
def _forward(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    if level == _DEBUG:
        return
    line = text.decode("utf-8", "replace").rstrip()
    if line.strip(". "):
        # Even its errors are details here: whoever called decides how serious they are.
        _LOG.log(logging.INFO if level in (_WARNING, _ERROR) else logging.DEBUG, "%s", line)


def forward() -> None:
    """Sends llama.cpp's log to Python's logging instead of standard error."""
    llama.llama_log_set(_forward, ctypes.c_void_p(0))


class _Tail(logging.Handler):
    """Keeps the last lines."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def captured() -> Iterator[deque[str]]:
    """The last lines that llama.cpp writes while the block runs."""
    tail = _Tail()
    level = _LOG.level
    _LOG.addHandler(tail)
    _LOG.setLevel(logging.DEBUG)
    try:
        yield tail.lines
    finally:
        _LOG.removeHandler(tail)
        _LOG.setLevel(level)


def explain(name: str, lines: deque[str]) -> ModelError:
    """The error behind a failed load, read from llama.cpp's log."""
    text = "\n".join(lines)
    version = llama_cpp.__version__
    architecture = re.search(r"unknown model architecture: '([^']*)'", text)
    if architecture:
        return UnsupportedModel(
            f"“{name}” has the architecture “{architecture[1]}”, which the llama.cpp in this "
            f"Hearth (llama-cpp-python {version}) does not know.",
            "Update Hearth, or choose another model.",
            text,
        )
    if re.search(r"unknown (pre-)?tokenizer", text):
        return UnsupportedModel(
            f"“{name}” uses a tokenizer that the llama.cpp in this Hearth "
            f"(llama-cpp-python {version}) does not know.",
            "Update Hearth, or choose another model.",
            text,
        )
    if re.search(r"failed to allocate|unable to allocate|out of memory|cudaMalloc failed", text):
        return ModelTooLarge(
            f"There is not enough free memory for “{name}”.",
            "Close other programs, or choose a smaller model or quantisation.",
            text,
        )
    if re.search(_DAMAGE, text):
        return ModelFileError(
            f"“{name}” is damaged: llama.cpp found tensors missing or out of place.",
            "Fetch the file again.",
            text,
        )
    return ModelLoadError(
        f"llama.cpp could not load “{name}”.",
        "Fetch the file again, or choose another model.",
        text,
    )

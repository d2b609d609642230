"""Turns what transformers and torch raise into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import (
    GenerationError,
    HearthError,
    ModelFileError,
    ModelMissing,
    OutOfMemory,
    Unsupported,
)
from app.llm.providers.huggingface import naming
from app.llm.providers.huggingface.work_thread import Stopped

MEMORY = ("out of memory", "not enough memory", "can't allocate memory")  # of torch's messages
LONGEST = 200  # characters of foreign words in a message


@contextmanager
def translated(name: str, title: str) -> Iterator[None]:
    """Around the reading of the model `name`; `title` is the provider's."""
    try:
        yield
    except (HearthError, Stopped):
        raise
    except Exception as error:  # what strangers' files bring about
        raise (_memory(error, title) or _of_reading(error, name, title)) from error


@contextmanager
def answering(title: str) -> Iterator[None]:
    """Around the work of a model that is loaded."""
    try:
        yield
    except (HearthError, Stopped):
        raise
    except Exception as error:  # what strangers' files bring about
        raise (
            _memory(error, title)
            or GenerationError(
                "The model failed while it was answering.",
                "Try again; if it happens again, unload the model and load it anew.",
                repr(error),
            )
        ) from error


def _memory(error: Exception, title: str) -> OutOfMemory | None:
    words = str(error).lower()
    if not isinstance(error, MemoryError) and not any(sign in words for sign in MEMORY):
        return None
    return OutOfMemory(
        "There is too little free memory for this model.",
        "Close other programs, or choose a smaller model or another device.",
        repr(error),
        provider=title,
    )


def _of_reading(error: Exception, name: str, title: str) -> HearthError:
    details = repr(error)
    if "trust_remote_code" in str(error):
        return Unsupported(
            f"“{name}” can only be used with program code of its own, which Hearth does not run.",
            "Choose a model that transformers knows by itself.",
            details,
            provider=title,
        )
    if isinstance(error, OSError):
        if naming.folder(name) is None:
            return ModelMissing(
                f"“{name}” is not on this disk: it is no folder, and the cache of Hugging Face "
                "does not have all of its files, or none in the form of safetensors.",
                naming.fetch_line(name),
                details,
                provider=title,
            )
        return ModelFileError(
            f"In {name} files are missing or damaged: {_short(error)}",
            "A model needs its config.json, tokenizer and safetensors files there.",
            details,
        )
    if type(error) in (ValueError, KeyError, ImportError, NotImplementedError):
        return Unsupported(
            f"transformers cannot use “{name}”: {_short(error)}",
            "Choose another model, or try a newer transformers.",
            details,
            provider=title,
        )
    return ModelFileError(
        f"The files of “{name}” are damaged or do not fit together: {_short(error)}",
        naming.fetch_line(name),
        details,
    )


def _short(error: Exception) -> str:
    """The first line of an error's words."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return (line if len(line) <= LONGEST else line[:LONGEST] + "…") + "."

"""LoRA adapters of a loaded model."""

from __future__ import annotations

import ctypes
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from app import gguf
from app.errors import ModelError, ModelFileError, ModelLoadError
from app.llm.runner.llama import log
from app.llm.runner.llama.model import Model
from app.schema import Adapter, LoadPlan

_MISFIT = "does not exist in base model|incorrect shape|arch mismatch"


class Adapters:
    """The adapters of a load plan, of which there may be none; frees them on `close`.

    llama.cpp wants them to be there before a context is created, and applied to each context.
    """

    def __init__(self, model: Model, plan: LoadPlan) -> None:
        """Loads the adapters of `plan` for a model.

        Raises:
            ModelFileError: a file is missing, damaged or no adapter.
            ModelLoadError: an adapter does not fit the model.
        """
        self._resources = ExitStack()
        self._handles: list[Any] = []
        self._scales = [adapter.scale for adapter in plan.adapters]
        if not plan.adapters:
            return
        header = gguf.read(plan.path)
        with ExitStack() as stack:
            for adapter in plan.adapters:
                gguf.read_adapter(adapter.path, header)  # llama.cpp aborts on some odd headers
                handle = _load(model, adapter, Path(plan.path).name)
                stack.callback(llama.llama_adapter_lora_free, handle)
                self._handles.append(handle)
            self._resources = stack.pop_all()

    def apply(self, context: llama.llama_context_p) -> None:
        """Has a context compute with the adapters, each with its scale.

        Raises:
            ModelLoadError: llama.cpp refused.
        """
        count = len(self._handles)
        if not count:
            return
        handles = (llama.llama_adapter_lora_p_ctypes * count)(*self._handles)
        scales = (ctypes.c_float * count)(*self._scales)
        if llama.llama_set_adapters_lora(context, handles, count, scales) != 0:
            raise ModelLoadError(
                "llama.cpp could not apply the model's adapters.", "Load the model without them."
            )

    def close(self) -> None:
        """Frees the adapters; the contexts that use them are freed before."""
        self._resources.close()


def _load(model: Model, adapter: Adapter, model_name: str) -> Any:
    with log.captured() as lines:
        handle = llama.llama_adapter_lora_init(model.handle, adapter.path.encode())
    if not handle:  # a null pointer, which is not None
        raise _explain(Path(adapter.path).name, model_name, "\n".join(lines))
    return handle


def _explain(name: str, model_name: str, text: str) -> ModelError:
    """The error behind an adapter that llama.cpp refused, read from its log."""
    if re.search(_MISFIT, text):
        return ModelLoadError(
            f"The adapter “{name}” does not fit “{model_name}”: its tensors have other sizes.",
            "Choose an adapter that was made for this model.",
            text,
        )
    return ModelFileError(
        f"The adapter “{name}” cannot be read by llama.cpp.",
        "Fetch the adapter again, or load the model without it.",
        text,
    )

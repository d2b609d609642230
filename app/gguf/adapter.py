"""Reads the header of a LoRA adapter and compares it with the model that it is meant for."""

from __future__ import annotations

from pathlib import Path

from app.errors import ModelFileError, ModelLoadError
from app.gguf.header import Header
from app.gguf.reader import read

PAIR = (".lora_a", ".lora_b")  # the endings of the two factors of one change
INVOCATION = "adapter.alora.invocation_tokens"


def read_adapter(path: str, model: Header) -> Header:
    """Reads the header of the adapter at `path`, which is to change `model`.

    Raises:
        ModelFileError: the file is missing, damaged or no LoRA adapter.
        ModelLoadError: it is made for another kind of model.
    """
    name = Path(path).name
    try:
        header = read(path)
    except ModelFileError as error:
        raise ModelFileError(
            f"An adapter of “{model.path.name}” cannot be used. {error.message}",
            "Fetch the adapter again, or load the model without it.",
            error.details,
        ) from error
    if header.kind != "adapter" or header.text("adapter.type") != "lora":
        raise ModelFileError(
            f"“{name}” is not a LoRA adapter.",
            "Choose an adapter in the GGUF format: a small file that changes a model.",
            f"general.type {header.text('general.type')!r}, "
            f"adapter.type {header.text('adapter.type')!r}",
        )
    if INVOCATION in header.metadata:
        raise ModelLoadError(
            f"“{name}” is an activated LoRA, which takes effect from certain words on; "
            "Hearth cannot use that kind.",
            "Choose a plain LoRA adapter.",
        )
    if header.architecture != model.architecture:
        raise ModelLoadError(
            f"The adapter “{name}” is made for the architecture “{header.architecture}”, and "
            f"“{model.path.name}” is of the architecture “{model.architecture}”.",
            "Choose an adapter that was made for this model.",
        )
    _check_tensors(header, model)
    return header


def _check_tensors(header: Header, model: Header) -> None:
    """Raises where a factor is missing, or belongs to no tensor of the model."""
    factors = {tensor.name: tensor for tensor in header.tensors}
    known = {tensor.name for tensor in model.tensors}
    changed = {name.removesuffix(end) for end in PAIR for name in factors if name.endswith(end)}
    incomplete = [name for name in changed if not all(name + end in factors for end in PAIR)]
    if incomplete or not changed:
        raise ModelFileError(
            f"The adapter “{header.path.name}” is damaged: parts of it are missing.",
            "Fetch the adapter again, or load the model without it.",
            ", ".join(sorted(incomplete)),
        )
    strangers = changed - known
    is_split = model.integer("split.count") > 1  # the other tensors are in files beside it
    if strangers and not is_split:
        raise ModelLoadError(
            f"The adapter “{header.path.name}” does not fit “{model.path.name}”: it changes "
            "tensors that the model does not have.",
            "Choose an adapter that was made for this model.",
            ", ".join(sorted(strangers)),
        )

"""Writes the smallest GGUF files that say what a test needs: any keys, and a tensor or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter

CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
TOOLS = "{% if tools %}{{ tools }}{% endif %}" + CHAT
THINKING = "{% if enable_thinking %}<think>{% endif %}" + CHAT


def write(
    path: Path,
    *,
    architecture: str = "llama",
    tensors: Sequence[str] = ("token_embd.weight",),
    seed: int = 0,
    **keys: Any,
) -> Path:
    """A file with those keys, whose dots are written as two underscores, and small F32 tensors."""
    return write_keys(
        path,
        {name.replace("__", "."): value for name, value in keys.items()},
        architecture=architecture,
        tensors=tensors,
        seed=seed,
    )


def write_keys(
    path: Path,
    keys: Mapping[str, Any],
    *,
    architecture: str = "llama",
    tensors: Sequence[str] = ("token_embd.weight",),
    seed: int = 0,
) -> Path:
    """The same with keys as they are; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, architecture)
    for key, value in keys.items():
        _add(writer, key, value)
    numbers = np.random.default_rng(seed)
    for name in tensors:
        writer.add_tensor(name, numbers.standard_normal((4, 32)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, list(value))


def model(path: Path, name: str = "", **keys: Any) -> Path:
    """A chat model with a name, a template and a width of 64."""
    known = {"general__name": name} if name else {}
    width = {"llama__embedding_length": 64} if keys.get("architecture", "llama") == "llama" else {}
    template = {"tokenizer__chat_template": CHAT, "tokenizer__ggml__model": "gpt2"}
    return write(path, **{**known, **width, **template, **keys})


def projector(path: Path, width: int = 64, **keys: Any) -> Path:
    """A projector for models of that width, which lets them see."""
    known: dict[str, Any] = {
        "general__type": "mmproj",
        "clip__projector_type": "gemma3",
        "clip__has_vision_encoder": True,
        "clip__vision__projection_dim": width,
    }
    return write(path, architecture="clip", tensors=("mm.weight",), **{**known, **keys})


def adapter(path: Path) -> Path:
    """A LoRA adapter."""
    return write(
        path,
        tensors=("blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"),
        general__type="adapter",
        adapter__type="lora",
    )


def vocabulary(path: Path) -> Path:
    """A tokenizer without weights."""
    return write(path, tensors=(), tokenizer__ggml__model="gpt2")


def split(folder: Path, base: str, count: int, name: str = "", **keys: Any) -> list[Path]:
    """A model in `count` parts; only the first has more than its number."""
    parts = []
    for number in range(count):
        known: dict[str, Any] = {"split__no": number, "split__count": count}
        path = folder / f"{base}-{number + 1:05}-of-{count:05}.gguf"
        if number == 0:
            parts.append(model(path, name, **{**known, **keys}))
        else:
            parts.append(write(path, tensors=(f"blk.{number}.weight",), seed=number, **known))
    return parts

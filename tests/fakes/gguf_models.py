"""Writes small, real GGUF models, so that the tests run llama.cpp itself and never a stand-in.

Three kinds: random weights (arbitrary text), a parrot (a bigram table that says one fixed reply),
and a model with the shape of a real one for measurements. Format: docs/gguf.md of ggml.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n'"
    " + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
COMMON_MERGES = ("t h", "th e", "i n", "Ġ a", "e r", "o u", "Ġ t", "Ġt he", "a n", "l l")


@dataclass(frozen=True)
class Shape:
    """The dimensions of a llama-architecture model."""

    embedding: int = 64
    feed_forward: int = 128
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    context: int = 512
    architecture: str = "llama"


HALF_BILLION = Shape(896, 4864, 24, 14, 2, 32768, "qwen2")


def byte_alphabet() -> list[str]:
    """The 256 characters that stand for bytes in a GPT-2 style vocabulary, in byte order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = (byte for byte in range(256) if byte not in printable)
    stand_ins = {byte: chr(0x100 + index) for index, byte in enumerate(hidden)}
    return [stand_ins.get(byte, chr(byte)) for byte in range(256)]


def as_bpe(text: bytes) -> str:
    """Bytes written in the vocabulary's alphabet."""
    alphabet = byte_alphabet()
    return "".join(alphabet[byte] for byte in text)


def write_random_model(
    path: Path,
    *,
    shape: Shape | None = None,
    chat_template: str | None = CHATML,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
    seed: int = 1,
    name: str = "Tiny random",
) -> Path:
    """A model with random F32 weights and a byte-level BPE vocabulary of its own."""
    shape = shape or Shape()
    tokens = [*byte_alphabet(), *(merge.replace(" ", "") for merge in COMMON_MERGES)]
    generator = np.random.default_rng(seed)

    def weights(rows: int, columns: int) -> Any:
        return (generator.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    writer = _start(path, shape, name, chat_template, tokens, special_tokens)
    vocabulary = len(tokens) + len(special_tokens)
    writer.add_tensor("token_embd.weight", weights(vocabulary, shape.embedding))
    writer.add_tensor("output.weight", weights(vocabulary, shape.embedding) * 4)
    _add_layers(writer, shape, weights)
    return _finish(writer, path)


def write_parrot_model(
    path: Path,
    reply: str | bytes,
    *,
    loop: bool = False,
    chat_template: str | None = CHATML,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
    context: int = 1024,
    name: str = "Parrot",
) -> Path:
    """A model that answers every prompt with `reply`, one word per token, then ends its turn.

    Its weights are a bigram table: attention and feed-forward are zero, so the logits depend on the
    last token alone. Characters outside ASCII are said byte by byte, so that they arrive split over
    tokens. With `loop` it begins again for ever.
    """
    pieces = _unique_pieces(reply.encode() if isinstance(reply, str) else reply)
    words = [as_bpe(piece) for piece in pieces if len(piece) > 1]
    tokens = [*byte_alphabet(), *(merge.replace(" ", "") for merge in COMMON_MERGES)]
    tokens += [word for word in words if word not in tokens]
    vocabulary = len(tokens) + len(special_tokens)
    shape = Shape(embedding=(vocabulary + 31) // 32 * 32, heads=1, kv_heads=1, context=context)
    end = vocabulary - 1 if special_tokens else tokens.index(as_bpe(b"\x00"))
    chain = [tokens.index(as_bpe(piece)) for piece in pieces]
    output = np.zeros((vocabulary, shape.embedding), np.float32)
    for prompt_end in (b"\n", b":"):  # the last token of a ChatML and of a plain-text prompt
        output[chain[0], tokens.index(as_bpe(prompt_end))] = 20.0
    for token, following in zip(chain, [*chain[1:], chain[0] if loop else end], strict=True):
        output[following, token] = 20.0
    writer = _start(path, shape, name, chat_template, tokens, special_tokens)
    writer.add_tensor("token_embd.weight", np.eye(vocabulary, shape.embedding, dtype=np.float32))
    writer.add_tensor("output.weight", output)
    _add_layers(writer, shape, lambda rows, columns: np.zeros((rows, columns), np.float32))
    return _finish(writer, path)


def write_shaped_model(path: Path, shape: Shape = HALF_BILLION, vocabulary: int = 151_936) -> Path:
    """A Q8_0 model with the shape of a real one and random weights, for measurements."""
    tokens = [*byte_alphabet(), *(merge.replace(" ", "") for merge in COMMON_MERGES)]
    tokens += [f"Ġw{index}" for index in range(vocabulary - len(tokens) - len(SPECIAL_TOKENS))]
    generator = np.random.default_rng(1)

    def weights(rows: int, columns: int) -> Any:
        blocks = np.empty((rows, columns // 32, 34), np.uint8)
        blocks[..., :2] = np.frombuffer(np.float16(0.02 / 73).tobytes(), np.uint8)
        blocks[..., 2:] = generator.integers(0, 256, (rows, columns // 32, 32), np.uint8)
        return blocks.reshape(rows, columns // 32 * 34)

    writer = _start(path, shape, "Synthetic 0.5B", CHATML, tokens, SPECIAL_TOKENS, file_type=7)
    _add_tensor(writer, "token_embd.weight", weights(vocabulary, shape.embedding))
    _add_layers(writer, shape, weights, biases=shape.architecture == "qwen2")
    return _finish(writer, path)


def _unique_pieces(reply: bytes) -> list[bytes]:
    """Cuts a reply into pieces that differ from each other, since a bigram table has no memory."""
    used: set[bytes] = {b"\n", b":"}
    pieces: list[bytes] = []
    piece = b""
    for index, byte in enumerate(reply):
        piece += bytes([byte])
        following = reply[index + 1 : index + 2]
        at_boundary = byte >= 0x80 or not following or following in b" \n" or following[0] >= 0x80
        if at_boundary and piece not in used:
            used.add(piece)
            pieces.append(piece)
            piece = b""
    if piece:  # what is left repeats an earlier piece
        pieces[-1] += piece
    if len(set(pieces)) != len(pieces):
        raise ValueError("the reply's last words repeat an earlier piece: end it differently")
    return pieces


def _start(
    path: Path,
    shape: Shape,
    name: str,
    chat_template: str | None,
    tokens: Sequence[str],
    special_tokens: Iterable[str],
    file_type: int = 0,
) -> GGUFWriter:
    special = list(special_tokens)
    writer = GGUFWriter(path, shape.architecture)
    writer.add_name(name)
    writer.add_file_type(file_type)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.embedding)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(shape.embedding // shape.heads)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*tokens, *special])
    writer.add_token_types([TokenType.NORMAL] * len(tokens) + [TokenType.CONTROL] * len(special))
    writer.add_token_merges(list(COMMON_MERGES))
    if special:
        writer.add_eos_token_id(len(tokens) + len(special) - 1)
        writer.add_bos_token_id(len(tokens))
    writer.add_add_bos_token(False)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    return writer


def _add_layers(writer: GGUFWriter, shape: Shape, weights: Any, *, biases: bool = False) -> None:
    head = shape.embedding // shape.heads
    kv = head * shape.kv_heads
    ones = np.ones(shape.embedding, np.float32)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        writer.add_tensor(block + "attn_norm.weight", ones)
        writer.add_tensor(block + "ffn_norm.weight", ones)
        for tensor, rows, columns in (
            ("attn_q", shape.embedding, shape.embedding),
            ("attn_k", kv, shape.embedding),
            ("attn_v", kv, shape.embedding),
            ("attn_output", shape.embedding, shape.embedding),
            ("ffn_gate", shape.feed_forward, shape.embedding),
            ("ffn_up", shape.feed_forward, shape.embedding),
            ("ffn_down", shape.embedding, shape.feed_forward),
        ):
            _add_tensor(writer, f"{block}{tensor}.weight", weights(rows, columns))
            if biases and tensor in ("attn_q", "attn_k", "attn_v"):
                writer.add_tensor(f"{block}{tensor}.bias", np.zeros(rows, np.float32))


def _add_tensor(writer: GGUFWriter, name: str, values: Any) -> None:
    quantised = GGMLQuantizationType.Q8_0 if values.dtype == np.uint8 else None
    writer.add_tensor(name, values, raw_dtype=quantised)


def _finish(writer: GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path

"""What each layer of a model is, read from its tensors and, where these are missing, from the keys.

A split model's header names the tensors of its first part alone: a later layer is then taken to be
like an earlier one of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.gguf import Header
from app.llm.optimizer.memory import architectures
from app.llm.optimizer.memory.keys import MAX_LAYERS, Keys, Shape, layer_tensors, vocabulary_size
from app.llm.optimizer.memory.settings import MOST


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its heads, its cache, its state and the widths of what it computes."""

    heads: int = 0
    kv_heads: int = 0
    key: int = 0  # the width of a head's key in the cache
    value: int = 0
    window: int = 0  # tokens that it sees, 0 for all
    owns_cache: bool = False
    latent: bool = False  # keys and values are one compressed row (MLA)
    convolution: int = 0  # numbers of its convolution's state, for each sequence
    state: int = 0  # numbers of its recurrent state
    shapes: Mapping[str, Shape] | None = None  # its tensors, None where nothing is known of them
    experts: int = 0
    used_experts: int = 0
    feed_forward: int = 0
    expert_width: int = 0

    @property
    def attends(self) -> bool:
        """Whether it looks at other tokens at all."""
        return self.heads > 0 and self.kv_heads > 0

    def width(self, name: str, dimension: int = 1) -> int:
        """A dimension of one of its tensors, 0 where it has none."""
        shape = (self.shapes or {}).get(name, ())
        return shape[dimension] if len(shape) > dimension else 0

    def has(self, name: str) -> bool:
        """Whether it has a tensor of that name."""
        return name in (self.shapes or {})


@dataclass(frozen=True, slots=True)
class Model:
    """A header's facts, all of them within reason."""

    architecture: str
    width: int
    vocabulary: int
    layers: tuple[Layer, ...]  # those that make text, without heads that guess several tokens
    block_count: int
    keys: Keys
    held: int = 0  # numbers for each token that are needed until the last layer


def read(header: Header) -> Model:
    """The model that the header describes; missing and absurd numbers become 0."""
    keys = Keys(header)
    tensors = layer_tensors(header)
    stated = keys.number("block_count") or max(tensors, default=-1) + 1
    count = min(stated, MAX_LAYERS)
    trunk = max(0, count - keys.number("nextn_predict_layers"))
    trunk = trunk or count  # a file of such a head alone
    width = keys.number("embedding_length")
    windows = architectures.windows(keys, trunk)
    recurrent = architectures.recurrent(keys, trunk)
    cached = architectures.layers_with_cache(keys, trunk)
    layers: list[Layer] = []
    known: dict[tuple[bool, bool], Mapping[str, Shape]] = {}
    for number in range(trunk):
        kind = (recurrent[number], number < keys.number("leading_dense_block_count"))
        shapes = tensors.get(number) or known.get(kind)
        if shapes:
            known.setdefault(kind, shapes)
        layers.append(
            _layer(
                keys,
                number,
                shapes,
                window=windows[number],
                is_recurrent=recurrent[number],
                has_cache=number < cached,
            )
        )
    words = vocabulary_size(header)
    held = _held(header, width)
    return Model(header.architecture, width, words, tuple(layers), count, keys, held)


def _held(header: Header, width: int) -> int:
    """What gemma3n and gemma4 give to every layer anew, and the rows that gemma3n keeps aside."""
    shapes = [
        t.shape for t in header.tensors if t.name == "per_layer_token_embd.weight" and t.shape
    ]
    aside = _ASIDE * width if header.architecture == "gemma3n" else 0
    return aside + (min(shapes[0][0], MOST) if shapes else 0)


def _layer(
    keys: Keys,
    number: int,
    shapes: Mapping[str, Shape] | None,
    *,
    window: int,
    is_recurrent: bool,
    has_cache: bool,
) -> Layer:
    architecture = keys.header.architecture
    heads = keys.number("attention.head_count", number)
    kv_heads = heads
    if keys.has("attention.head_count_kv"):
        kv_heads = keys.number("attention.head_count_kv", number)
    key, value = _head_sizes(keys, heads, is_windowed=window > 0)
    attends = has_cache and architectures.has_cache(architecture)
    attends = attends and (not is_recurrent or architecture == "falcon-h1")
    if architecture.startswith("nemotron_h"):
        attends = attends and not keys.number("feed_forward_length", number)
    used = keys.number("expert_used_count", number)
    inner = keys.number("feed_forward_length", number)
    return Layer(
        heads=heads,
        kv_heads=kv_heads,
        key=key,
        value=value,
        window=window,
        owns_cache=attends and kv_heads > 0,
        latent=min(map(keys.number, _LATENT)) > 0,
        convolution=_convolution(keys, heads) if is_recurrent else 0,
        state=_state(keys, heads) if is_recurrent else 0,
        shapes=shapes,
        experts=keys.number("expert_count"),
        used_experts=used,
        feed_forward=inner,
        expert_width=keys.number("expert_feed_forward_length", number) or inner,
    )


_ASIDE = 5  # four guesses of the next row, and what they are made of; gemma3n.cpp, measured
_LATENT = ("attention.key_length_mla", "attention.value_length_mla")


def _head_sizes(keys: Keys, heads: int, *, is_windowed: bool) -> tuple[int, int]:
    """The widths of a head's key and value; llama-model.cpp, load_hparams."""
    usual = keys.number("embedding_length") // heads if heads else 0
    sizes = []
    for name in ("key", "value"):
        size = keys.number(f"attention.{name}_length") or usual
        if is_windowed:
            size = keys.number(f"attention.{name}_length_swa") or size
        sizes.append(size)
    return sizes[0], sizes[1]


def _convolution(keys: Keys, heads: int) -> int:
    """llama-hparams.cpp, n_embd_r."""
    width, kernel = keys.number("embedding_length"), keys.number("ssm.conv_kernel")
    if keys.number("wkv.head_size"):
        shifts = 1 if keys.header.architecture in ("rwkv6qwen2", "arwkv7") else 2
        return (keys.number("token_shift_count") or shifts) * width
    if keys.number("shortconv.l_cache"):
        return width * (keys.number("shortconv.l_cache") - 1)
    if keys.number("kda.head_dim"):
        return 3 * (max(kernel, 1) - 1 or 3) * heads * keys.number("kda.head_dim")
    mixed = keys.number("ssm.inner_size")
    mixed += 2 * keys.number("ssm.group_count") * keys.number("ssm.state_size")
    return max(0, kernel - 1) * mixed


def _state(keys: Keys, heads: int) -> int:
    """llama-hparams.cpp, n_embd_s."""
    if keys.number("wkv.head_size"):
        return keys.number("embedding_length") * keys.number("wkv.head_size")
    if keys.number("kda.head_dim"):
        return keys.number("kda.head_dim") ** 2 * heads
    return keys.number("ssm.state_size") * keys.number("ssm.inner_size")

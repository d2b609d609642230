"""Where a model's weights go, and what processors' own layouts of them take."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.gguf import Header, Tensor
from app.gguf.tables import TENSOR_TYPES
from app.llm.optimizer.memory.layers import Model
from app.llm.optimizer.memory.settings import Kernels, LoadSettings

_BLOCK = re.compile(r"blk\.(\d{1,6})\.(.+)")
_EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_(ch)?exps\b")
# They ask for the output before the input, so that one that is both is read twice; gemma3n.cpp.
_TWICE = ("gemma3n", "gemma4")
_INPUT = ("token_embd", "per_layer_token_embd", "position_embd", "token_types")
# The types that each kind of kernels repacks, and the bytes that a block gets more;
# ggml-cpu/repack.cpp, ggml-cpu/amx/mmq.cpp.
_REPACKED: dict[Kernels, dict[str, int]] = {
    Kernels.PLAIN: {},
    Kernels.AVX2: {"Q4_0": 0, "Q4_K": 0, "IQ4_NL": 0, "MXFP4": 0},
    Kernels.NEON: {
        "Q4_0": 0, "Q4_K": 0, "Q5_K": 0, "Q6_K": 0, "Q8_0": 0, "IQ4_NL": 0, "MXFP4": 0,
    },
    # AMX takes what is a matrix; what is a stack of them, as experts are, goes the way of AVX2.
    Kernels.AMX: {"Q4_0": 0, "Q4_1": 0, "Q8_0": 4, "Q4_K": 4, "Q5_K": 4, "Q6_K": 0, "IQ4_XS": 2},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placement:
    """Which device has which layer: 0 is the CPU, 1 the first GPU; llama-model.cpp."""

    layers: tuple[int, ...]  # of every block
    output: int
    devices: int

    @classmethod
    def of(cls, blocks: int, settings: LoadSettings) -> Placement:
        """As the settings have it."""
        shares = settings.shares()
        wanted = settings.n_gpu_layers if settings.n_gpu_layers >= 0 else blocks + 1
        count = min(wanted, blocks + 1) if shares else 0
        ends = list(itertools.accumulate(shares))

        def device(number: int) -> int:
            place = number - max(0, blocks + 1 - wanted)
            if not count or place < 0 or place >= count:
                return 0
            return min(bisect.bisect_right(ends, place / count), len(ends) - 1) + 1

        return cls(tuple(map(device, range(blocks))), device(blocks), len(shares) + 1)

    def of_tensor(self, name: str, cpu_expert_layers: int = 0) -> int:
        """The device of a tensor of that name."""
        named = _BLOCK.match(name)
        if named is None:
            return 0 if name.startswith(_INPUT) else self.output
        number = int(named[1])
        if number >= len(self.layers):
            return self.output
        stays = number < cpu_expert_layers and is_expert(name)
        return 0 if stays else self.layers[number]


def is_expert(name: str) -> bool:
    """Whether a tensor holds experts, of which a token needs a few."""
    named = _BLOCK.match(name)
    return named is not None and _EXPERTS.match(named[2]) is not None


def weight_bytes(
    header: Header, model: Model, settings: LoadSettings, placement: Placement, total: int = 0
) -> list[int]:
    """Bytes of the weights on each device.

    Args:
        header: of the file, or of the first part of a split model.
        model: its facts.
        settings: how it is loaded.
        placement: which device has which layer.
        total: the bytes of all parts, where the header tells only of the first.
    """
    found = [0] * placement.devices
    has_tensors = set()
    for tensor in header.tensors:
        device = placement.of_tensor(tensor.name, settings.cpu_expert_layers)
        found[device] += tensor.size or 0
        named = _BLOCK.match(tensor.name)
        if named:
            has_tensors.add(int(named[1]))
    # What is in other parts, or of a type newer than this table, is spread over its layers.
    rest = max(total, header.weights_size) - sum(found)
    others = [n for n in range(model.block_count) if n not in has_tensors]
    others = others or list(range(model.block_count))
    if rest > 0:
        for number in others:
            found[placement.layers[number]] += rest // len(others)
        found[0] += rest % len(others) if others else rest
    tied = _tied_output(header)
    if tied is not None and placement.output:
        found[placement.output] += tied.size or 0
    return found


def part_bytes(parts: Sequence[Header], placement: Placement) -> list[int]:
    """Bytes of adapters on each device: a change lies beside the tensor that it changes."""
    found = [0] * placement.devices
    for part in parts:
        known = 0
        for tensor in part.tensors:
            found[placement.of_tensor(tensor.name)] += tensor.size or 0
            known += tensor.size or 0
        found[0] += max(0, part.weights_size - known)
    return found


def repacked_bytes(header: Header, settings: LoadSettings, placement: Placement) -> int:
    """Bytes that copies of weights on the CPU take beside, or beyond, those in the file."""
    found = 0
    for tensor in header.tensors:
        size = _repacked(tensor, settings.kernels)
        on_cpu = not placement.of_tensor(tensor.name, settings.cpu_expert_layers)
        if size and on_cpu and not tensor.name.startswith(_INPUT):
            # A mapped file stays mapped; one that is read is read straight into the new layout.
            found += size if settings.use_mmap else size - (tensor.size or 0)
    tied = _tied_output(header)
    if tied is not None and not placement.output:
        again = _repacked(tied, settings.kernels)
        if not again and header.architecture in _TWICE and not settings.use_mmap:
            again = tied.size or 0
        found += again
    return max(0, found)


def _repacked(tensor: Tensor, kernels: Kernels) -> int:
    """A tensor's bytes in the layout of those kernels, 0 where it keeps its own."""
    if not tensor.name.endswith("weight") or len(tensor.shape) not in (2, 3):
        return 0
    is_stack = len(tensor.shape) == 3
    known = _REPACKED[Kernels.AVX2 if is_stack and kernels is Kernels.AMX else kernels]
    name, block, size = TENSOR_TYPES.get(tensor.type_id, ("", 1, 0))
    if name not in known or tensor.shape[1] % 8:
        return 0
    return -(-tensor.elements // block) * (size + known[name])


def _tied_output(header: Header) -> Tensor | None:
    """The token embedding, where it makes the logits too and may be wanted twice."""
    named = {tensor.name: tensor for tensor in header.tensors}
    return None if "output.weight" in named else named.get("token_embd.weight")

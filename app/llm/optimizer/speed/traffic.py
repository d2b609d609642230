"""What a model goes through for each token: weights, keys and values, and steps. Pure.

A step is a node of ggml's graph that computes something; how many a layer has is counted in
llama.cpp's graphs (src/models) and rounded, since each takes about a microsecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.gguf.tables import TENSOR_TYPES
from app.llm.optimizer.memory import cache, layers, weights
from app.llm.rates import WIDTH

if TYPE_CHECKING:
    from app.gguf import Header, Tensor
    from app.llm.optimizer.memory import LoadSettings

LAYER_STEPS = 14  # beside those for its tensors: positions, cache, attention, gates, sums
MATRIX_STEPS, VECTOR_STEPS = 3, 2  # converting, multiplying, waiting; normalising and scaling
OTHER_STEPS = 8  # before the first layer and behind the last
TABLES = ("token_embd", "per_layer_token_embd", "position_embd", "token_types")  # looked up by row
OUTPUT = ("output.weight", "token_embd.weight")  # what makes the logits, the first that there is


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one device does for one token."""

    read: Mapping[str, int]  # bytes of weights, by type, when a token is written
    multiplied: Mapping[str, int]  # weights, by type, for each token of a prompt
    resident: int  # bytes of all weights there
    state: int  # bytes of recurrent layers' states, which are read and written
    attended: Mapping[int, int]  # products with keys and values, by the width of a head
    steps: int
    short_rows: int  # of matrices: how many more there are than if each were WIDTH long

    @property
    def bytes(self) -> int:
        """All that is read for a token that is written."""
        return sum(self.read.values()) + self.state


def of(header: Header, settings: LoadSettings, depth: int = 0) -> list[Traffic]:
    """For each device, the CPU first; `depth` is the number of tokens in the KV cache.

    A split model's header tells of its first part alone: nothing is known then, and [] is given.
    """
    if header.integer("split.count") > 1 or not header.tensors:
        return []
    model = layers.read(header)
    placement = weights.Placement.of(model.block_count, settings)
    share = _expert_share(model)
    read: list[Counter[str]] = [Counter() for _ in range(placement.devices)]
    multiplied: list[Counter[str]] = [Counter() for _ in range(placement.devices)]
    steps = [0] * placement.devices
    resident = [0] * placement.devices
    short = [0.0] * placement.devices
    output = _output(header)
    for tensor in header.tensors:
        device = placement.of_tensor(tensor.name, settings.cpu_expert_layers)
        is_output = tensor.name == output
        if is_output:
            device = placement.output
        elif tensor.name.startswith(TABLES):
            continue
        name, block, size = TENSOR_TYPES.get(tensor.type_id, ("F32", 1, 4))
        used = tensor.elements * (share if weights.is_expert(tensor.name) else 1.0)
        read[device][name] += int(used / block * size)
        resident[device] += tensor.size or 0
        if _is_matrix(tensor) and tensor.shape[0] < WIDTH:
            short[device] += used / tensor.shape[0] - used / WIDTH
        steps[device] += MATRIX_STEPS if len(tensor.shape) > 1 else VECTOR_STEPS
        if not is_output and _is_matrix(tensor):
            multiplied[device][name] += int(used)
    for number in range(len(model.layers)):
        steps[placement.layers[number]] += LAYER_STEPS
    steps[placement.output] += OTHER_STEPS
    state, attended = _attention(model, settings, placement, depth)
    return [
        Traffic(
            dict(read[n]),
            dict(multiplied[n]),
            resident[n],
            state[n],
            dict(attended[n]),
            steps[n],
            int(short[n]),
        )
        for n in range(placement.devices)
    ]


def _attention(
    model: layers.Model, settings: LoadSettings, placement: weights.Placement, depth: int
) -> tuple[list[int], list[Counter[int]]]:
    """Bytes of states, and products of attention, on each device."""
    state = [0] * placement.devices
    attended: list[Counter[int]] = [Counter() for _ in range(placement.devices)]
    for number, layer in enumerate(model.layers):
        device = placement.layers[number]
        state[device] += 2 * cache.state_bytes(layer, settings)
        seen = min(depth, layer.window) if layer.window else depth
        if layer.attends and (layer.owns_cache or not layer.state + layer.convolution):
            both = layer.key + layer.value
            attended[device][both // 2] += layer.heads * both * seen
    return state, attended


def _expert_share(model: layers.Model) -> float:
    """The share of the experts that a token needs."""
    experts, used = model.keys.number("expert_count"), model.keys.number("expert_used_count")
    return min(1.0, used / experts) if experts and used else 1.0


def _output(header: Header) -> str:
    named = {tensor.name for tensor in header.tensors}
    return next((name for name in OUTPUT if name in named), "")


def _is_matrix(tensor: Tensor) -> bool:
    return len([size for size in tensor.shape if size > 1]) > 1

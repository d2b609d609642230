"""The results that llama.cpp makes on the way through a model, in their order.

Follows llama-graph.cpp and src/models/*.cpp: one list of results for a whole batch, whose buffer
`allocation` reckons. Sizes are bytes; a number of a result is an F32.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.llm.optimizer.memory import mixers
from app.llm.optimizer.memory.batch import Batch, Inputs
from app.llm.optimizer.memory.feed_forward import feed_forward
from app.llm.optimizer.memory.layers import Layer, Model
from app.llm.optimizer.memory.settings import LoadSettings

# Which part of a sum is written over, where both could be.
_RESIDUAL_FIRST = ("jamba", "lfm2", "lfm2moe")
_RESIDUAL_FIRST_AT_END = (*_RESIDUAL_FIRST, "phi3", "phimoe")
# Their last layer is made for all tokens, whichever have logits.
_CUT_LATE = ("gemma3n", "gpt-oss", "qwen3next", "qwen35", "qwen35moe")
_TELLING = 32  # kinds of layers are few; a header that has more is damaged
_SOFT_CAPPED = ("gemma2", "gemma3", "gemma3n", "gemma4")


def compute_bytes(model: Model, layers: Sequence[Layer], settings: LoadSettings) -> int:
    """The buffer for a batch through those layers, each in the model's order."""
    batch = Batch(model, settings)
    inputs = Inputs.of(batch, layers)
    current = batch.graph.new(batch.rows(model.width), inputs.tokens)
    if model.architecture.startswith("gemma"):
        current = batch.graph.over(batch.rows(model.width), current)
    held = batch.graph.new(batch.rows(model.held))
    telling = _telling(layers)
    for number, layer in enumerate(telling):
        is_last = number == len(telling) - 1 and model.architecture not in _CUT_LATE
        current = _layer(batch, inputs, layer, current, is_last=is_last)
    batch.graph.use(held)
    _logits(batch, inputs, current)
    return batch.graph.size()


def _telling(layers: Sequence[Layer]) -> list[Layer]:
    """Two layers of each kind, and the last: more of the same need no more room."""
    chosen: list[Layer] = []
    for layer in layers:
        if len(chosen) < _TELLING and sum(known == layer for known in chosen) < 2:
            chosen.append(layer)
    if chosen and chosen[-1] != layers[-1]:
        chosen.append(layers[-1])
    return chosen


def _layer(batch: Batch, inputs: Inputs, layer: Layer, given: int, *, is_last: bool) -> int:
    graph, row = batch.graph, batch.rows(batch.model.width)
    normed = batch.norm(given, row)
    mixed = mixers.mix(batch, inputs, layer, normed, given)
    if layer.has("post_attention_norm.weight") and layer.has("ffn_norm.weight"):
        mixed = batch.norm(mixed, row)
    if is_last:
        row = batch.outputs(batch.model.width)
        mixed = graph.new(row, mixed, inputs.outputs)
        given = graph.new(row, given, inputs.outputs)
    is_first = batch.model.architecture in _RESIDUAL_FIRST
    after = graph.either(row, given, mixed) if is_first else graph.either(row, mixed, given)
    tokens = batch.output_count if is_last else batch.tokens
    made = feed_forward(batch, layer, after, tokens)
    if made is None:
        return after
    if layer.has("post_ffw_norm.weight"):
        made = batch.norm(made, row)
    if batch.model.architecture in _RESIDUAL_FIRST_AT_END:
        return graph.either(row, after, made)
    return graph.either(row, made, after)


def _logits(batch: Batch, inputs: Inputs, given: int) -> None:
    graph = batch.graph
    if batch.model.architecture in _CUT_LATE:
        given = graph.new(batch.outputs(batch.model.width), given, inputs.outputs)
    normed = batch.norm(given, batch.outputs(batch.model.width))
    if not batch.has_cache:  # what only reads says nothing
        return
    made = graph.new(batch.outputs(batch.model.vocabulary), normed)
    if batch.model.architecture in _SOFT_CAPPED:
        made = graph.over(batch.outputs(batch.model.vocabulary), made)

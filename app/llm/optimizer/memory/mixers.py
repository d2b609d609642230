"""The results of a layer's mixing part: attention, plain or compressed, or what is in its place."""

from __future__ import annotations

from app.llm.optimizer.memory import recurrence
from app.llm.optimizer.memory.batch import HALF, NUMBER, Batch, Inputs
from app.llm.optimizer.memory.layers import Layer
from app.llm.optimizer.memory.settings import CACHE_TYPES, row_bytes

_WITHOUT_PLACES = ("jamba",)  # its recurrent layers know the order of the words


def mix(batch: Batch, inputs: Inputs, layer: Layer, given: int, before: int) -> int:
    """The results behind the normed row `given`, whose source is `before`."""
    row = batch.rows(batch.model.width)
    if (layer.state or layer.convolution) and not layer.owns_cache:
        return recurrence.mix(batch, layer, given)
    if not layer.attends:  # a layer without attention, as in deci
        return given
    attended = (_latent if layer.latent else _attention)(batch, inputs, layer, given)
    mixed = batch.graph.new(row, attended)
    if not layer.state:
        return mixed
    beside = recurrence.mix(batch, layer, batch.norm(before, row))  # falcon-h1 does both
    return batch.graph.either(row, mixed, beside)


def _attention(batch: Batch, inputs: Inputs, layer: Layer, given: int) -> int:
    graph, settings = batch.graph, batch.settings
    queries = batch.rows(layer.heads * layer.key)
    keys = batch.rows(layer.kv_heads * layer.key)
    values = batch.rows(layer.kv_heads * layer.value)
    gate = None
    if layer.has("attn_qkv.weight"):
        whole = graph.new(queries + keys + values, given)
        asked = graph.new(queries, whole, inputs.positions)
        stored = graph.new(keys, whole, inputs.positions)
        kept = whole
    else:
        is_gated = layer.width("attn_q.weight") == 2 * layer.heads * layer.key
        asked = graph.new(2 * queries if is_gated else queries, given)
        gate = asked if is_gated else None
        asked = _prepared(batch, inputs, layer, asked, queries, "q")
        kept = graph.new(values, given)
        if batch.rotates(settings.type_v, layer.value):
            kept = graph.new(values, kept, inputs.rotation)
        stored = _prepared(batch, inputs, layer, graph.new(keys, given), keys, "k")
    if layer.owns_cache:
        graph.use(stored, *inputs.places(layer))
        graph.use(kept, *inputs.places(layer))
    made = _attended(batch, inputs, layer, asked)
    size = batch.rows(layer.heads * layer.value)
    if batch.rotates(settings.type_v, layer.value):
        made = graph.new(size, made, inputs.rotation)
    if gate is not None:
        made = graph.over(size, graph.over(size, graph.new(size, gate)), made)
    return made


def _prepared(batch: Batch, inputs: Inputs, layer: Layer, made: int, size: int, name: str) -> int:
    """Its norm, its place in the text and its rotation."""
    graph = batch.graph
    if layer.has(f"attn_{name}_norm.weight"):
        made = graph.over(size, graph.new(size, made))
        made = graph.over(size, made, inputs.positions)
    elif batch.model.architecture not in _WITHOUT_PLACES:
        made = graph.new(size, made, inputs.positions)
    if batch.rotates(batch.settings.type_k, layer.key):
        made = batch.graph.new(size, made, inputs.rotation)
    return made


def _attended(batch: Batch, inputs: Inputs, layer: Layer, asked: int) -> int:
    """Queries against the cache."""
    graph, settings = batch.graph, batch.settings
    cells = batch.cells(layer)
    size = batch.rows(layer.heads * layer.value)
    if settings.flash_attention:
        halves = [
            graph.new(cells * settings.streams() * layer.kv_heads * width * HALF)
            for kind, width in ((settings.type_k, layer.key), (settings.type_v, layer.value))
            if not batch.has_cache or _is_single(kind)  # which the kernel wants halved
        ]
        return graph.new(size, asked, *halves, *inputs.mask(layer))
    scores = cells * batch.tokens * layer.heads * NUMBER
    likely = graph.over(scores, graph.new(scores, asked), *inputs.mask(layer))
    return graph.new(size, graph.new(size, likely))


def _is_single(kind: str) -> bool:
    return CACHE_TYPES.get(kind.lower(), CACHE_TYPES["f32"]) == CACHE_TYPES["f32"]


def _latent(batch: Batch, inputs: Inputs, layer: Layer, given: int) -> int:
    """Compressed keys and values, of which the values are a part of the keys; deepseek2.cpp."""
    graph, settings, heads = batch.graph, batch.settings, layer.heads
    rank, turned = layer.value, max(0, layer.key - layer.value)
    low = layer.width("attn_q_a.weight")
    full = batch.rows(heads * batch.model.keys.number("attention.key_length_mla"))
    asked = given
    if low:
        asked = batch.norm(graph.new(batch.rows(low), given), batch.rows(low))
    asked = graph.new(full, asked)
    absorbed = graph.new(batch.rows(rank * heads), asked)
    placed = graph.new(batch.rows(turned * heads), asked, inputs.positions)
    asked = graph.new(batch.rows(layer.key * heads), absorbed, placed)
    mixed = graph.new(batch.rows(layer.key), given)
    kept = batch.norm(graph.new(batch.rows(rank), mixed), batch.rows(rank))
    placed = graph.new(batch.rows(turned), mixed, inputs.positions)
    stored = graph.new(batch.rows(layer.key), kept, placed)
    graph.use(stored, *inputs.places(layer))
    whole = batch.rows(rank * heads)
    wanted = batch.rows(heads * batch.model.keys.number("attention.value_length_mla"))
    if settings.flash_attention:
        made = graph.new(wanted, graph.new(whole, asked, *inputs.mask(layer)))
    else:
        scores = settings.cells() * batch.tokens * heads * NUMBER
        likely = graph.over(scores, graph.new(scores, asked), *inputs.mask(layer))
        turned_values = graph.new(
            row_bytes(settings.type_k, settings.cells() * settings.streams() * rank)
        )
        made = graph.new(wanted, graph.new(whole, turned_values, likely))
    return graph.new(wanted, made)

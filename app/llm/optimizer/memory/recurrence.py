"""The results of layers with a state: Mamba, short convolutions, delta nets, RWKV."""

from __future__ import annotations

from app.llm.optimizer.memory.batch import NUMBER, Batch
from app.llm.optimizer.memory.layers import Layer

_RWKV_MIXES = 6  # token shifts side by side; rwkv7-base.cpp
_RWKV_PARTS = 9  # receptance, decay, key, value, gate and the like


def mix(batch: Batch, layer: Layer, given: int) -> int:
    """The results behind the normed row `given`."""
    keys = batch.model.keys
    if keys.number("wkv.head_size"):
        return _rwkv(batch, layer, given)
    if keys.number("shortconv.l_cache"):
        return _short_convolution(batch, layer, given)
    if layer.has("attn_gate.weight") or batch.model.architecture in ("qwen3next", "kimi-linear"):
        return _delta_net(batch, layer, given)
    if keys.number("ssm.group_count") or batch.model.architecture == "mamba2":
        return _mamba2(batch, layer, given)
    return _mamba(batch, layer, given)


def _convolved(batch: Batch, layer: Layer, given: int, channels: int) -> int:
    """A convolution over the tokens, with those before them from the state."""
    graph = batch.graph
    size = batch.rows(channels)
    earlier = graph.new(layer.convolution * batch.sequences * NUMBER)
    kernel = batch.model.keys.number("ssm.conv_kernel")
    more = max(0, kernel - 1) * channels * batch.sequences * NUMBER
    joined = graph.new(size + more, earlier, given)
    graph.use(joined)  # its end becomes the new state
    return graph.over(size, graph.new(size, joined))


def _mamba(batch: Batch, layer: Layer, given: int) -> int:
    graph, keys = batch.graph, batch.model.keys
    inner, state = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    rank, size = keys.number("ssm.time_step_rank"), batch.rows(inner)
    both = graph.new(2 * size, given)
    signal = _convolved(batch, layer, both, inner)
    parts = graph.new(batch.rows(rank + 2 * state), signal)
    step = graph.new(size, graph.new(batch.rows(rank), parts))
    step = graph.over(size, step)
    scanned = graph.new(size + layer.state * batch.sequences * NUMBER, signal, step, parts)
    graph.use(scanned)
    gate = graph.new(size, both)
    made = graph.over(size, graph.over(size, signal), scanned)
    return graph.new(batch.rows(batch.model.width), graph.new(size, gate, made))


def _mamba2(batch: Batch, layer: Layer, given: int) -> int:
    graph, keys = batch.graph, batch.model.keys
    inner, heads = keys.number("ssm.inner_size"), keys.number("ssm.time_step_rank")
    channels = inner + 2 * keys.number("ssm.group_count") * keys.number("ssm.state_size")
    size = batch.rows(inner)
    whole = graph.new(batch.rows(inner + channels + heads), given)
    signal = _convolved(batch, layer, whole, channels)
    step = graph.over(batch.rows(heads), graph.new(batch.rows(heads), whole))
    scanned = graph.new(size + layer.state * batch.sequences * NUMBER, signal, step)
    graph.use(scanned)
    gate = graph.new(size, whole)
    made = graph.over(size, graph.new(size, signal), scanned)
    made = graph.new(size, gate, made)
    if layer.has("ssm_norm.weight"):
        made = graph.over(size, graph.new(size, made))
    return graph.new(batch.rows(batch.model.width), made)


def _short_convolution(batch: Batch, layer: Layer, given: int) -> int:
    graph, row = batch.graph, batch.rows(batch.model.width)
    three = graph.new(3 * row, given)
    product = graph.new(row, three)
    earlier = graph.new(layer.convolution * batch.sequences * NUMBER)
    joined = graph.new(row + layer.convolution * batch.sequences * NUMBER, earlier, product)
    graph.use(joined)
    made = graph.over(row, graph.new(row, joined), three)
    return graph.new(row, made)


def _delta_net(batch: Batch, layer: Layer, given: int) -> int:
    graph, keys = batch.graph, batch.model.keys
    inner, heads = keys.number("ssm.inner_size"), keys.number("ssm.time_step_rank")
    side = keys.number("ssm.state_size")
    groups = keys.number("ssm.group_count")
    size, key = batch.rows(inner), batch.rows(side * groups)
    signal = _convolved(batch, layer, graph.new(size + 2 * key, given), inner + 2 * side * groups)
    state = graph.new(layer.state * batch.sequences * NUMBER)
    query, stored = graph.new(key, signal), graph.new(key, signal)
    if groups and heads != groups:
        query, stored = (graph.new(batch.rows(side * heads), each) for each in (query, stored))
    both = graph.new(batch.rows(2 * heads), given)
    decay = graph.over(batch.rows(heads), graph.new(batch.rows(heads), both))
    beta = graph.over(batch.rows(heads), graph.new(batch.rows(heads), both))
    made = graph.new(
        size + layer.state * batch.sequences * NUMBER, query, stored, signal, decay, beta, state
    )
    graph.use(made)
    made = graph.over(size, graph.new(size, made))
    gate = graph.new(size, graph.new(size, given))
    return graph.new(batch.rows(batch.model.width), graph.over(size, made, gate))


def _rwkv(batch: Batch, layer: Layer, given: int) -> int:
    graph, row = batch.graph, batch.rows(batch.model.width)
    earlier = graph.new(layer.convolution * batch.sequences * NUMBER)
    shifted = graph.new(row, given, graph.new(row, earlier, given))
    mixes = graph.over(_RWKV_MIXES * row, graph.new(_RWKV_MIXES * row, shifted))
    parts = [graph.new(row, mixes) for _ in range(_RWKV_PARTS)]
    state = graph.new(layer.state * batch.sequences * NUMBER)
    made = graph.new(row + layer.state * batch.sequences * NUMBER, *parts, state)
    return graph.new(row, graph.over(row, made, *parts[:2]))

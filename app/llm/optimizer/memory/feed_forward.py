"""The results of a layer's feed-forward part, dense or of experts; llama-graph.cpp."""

from __future__ import annotations

from app.llm.optimizer.memory.batch import INDEX, NUMBER, Batch
from app.llm.optimizer.memory.layers import Layer


def feed_forward(batch: Batch, layer: Layer, given: int, tokens: int) -> int | None:
    """The results behind `given` for that many tokens, or None where a layer has no such part."""
    graph, row = batch.graph, batch.model.width * tokens * NUMBER
    inner, is_fused = _inner(layer)
    has_experts = layer.has("ffn_down_exps.weight") if layer.shapes else layer.experts > 0
    if not inner and not has_experts:
        return None
    normed = batch.norm(given, row)
    if not has_experts:
        return _dense(batch, normed, inner, tokens, has_gate=_has_gate(layer), is_fused=is_fused)
    made = _experts(batch, layer, normed, tokens)
    shared = layer.width("ffn_up_shexp.weight")
    if shared:
        beside = _dense(batch, normed, shared, tokens, has_gate=True, is_fused=False)
        if layer.has("ffn_gate_inp_shexp.weight"):
            factor = graph.over(tokens * NUMBER, graph.new(tokens * NUMBER, normed))
            beside = graph.over(row, beside, factor)
        made = graph.either(row, made, beside)
    return made


def _inner(layer: Layer) -> tuple[int, bool]:
    """The width of the feed-forward part, and whether gate and values are one tensor."""
    up, down = layer.width("ffn_up.weight"), layer.width("ffn_down.weight", 0)
    if not layer.shapes:
        return layer.feed_forward, False
    return (down or up), bool(down) and up == 2 * down


def _has_gate(layer: Layer) -> bool:
    return layer.has("ffn_gate.weight") or not layer.shapes


def _dense(
    batch: Batch, given: int, inner: int, tokens: int, *, has_gate: bool, is_fused: bool
) -> int:
    graph, size = batch.graph, inner * tokens * NUMBER
    if is_fused:
        active = graph.new(size, graph.new(2 * size, given))
    elif has_gate:
        gate = graph.new(size, given)
        active = graph.new(size, gate, graph.new(size, given))
    else:
        active = graph.over(size, graph.new(size, given))
    return graph.new(batch.model.width * tokens * NUMBER, active)


def _experts(batch: Batch, layer: Layer, given: int, tokens: int) -> int:
    graph, row = batch.graph, batch.model.width * tokens * NUMBER
    count = layer.width("ffn_gate_inp.weight") or layer.experts
    used = min(layer.used_experts, count) or 1
    scores = count * tokens * NUMBER
    likely = graph.over(scores, graph.new(scores, given))
    biased = graph.new(scores, likely) if layer.has("exp_probs_b.bias") else likely
    chosen = graph.new(count * tokens * INDEX, biased)  # all in order, of which the first are used
    weights = graph.new(used * tokens * NUMBER, likely, chosen)
    total = graph.new(tokens * NUMBER, weights)
    weights = graph.new(used * tokens * NUMBER, weights, total)
    inner = (
        layer.width("ffn_down_exps.weight", 0) or layer.expert_width
    ) * used * tokens * NUMBER  # fmt: skip
    if layer.has("ffn_gate_up_exps.weight"):
        active = graph.new(inner, graph.new(2 * inner, given, chosen))
    elif layer.has("ffn_gate_exps.weight") or not layer.shapes:
        gate = graph.new(inner, given, chosen)
        if layer.has("ffn_gate_exps.bias"):
            gate = graph.over(inner, gate, chosen)
        up = graph.new(inner, given, chosen)
        if layer.has("ffn_up_exps.bias"):
            up = graph.over(inner, up, chosen)
        active = graph.new(inner, gate, up)
    else:
        active = graph.over(inner, graph.new(inner, given, chosen))
    made = graph.new(row * used, active, chosen)
    if layer.has("ffn_down_exps.bias"):
        made = graph.over(row * used, made, chosen)
    made = graph.over(row * used, made, weights)
    added = graph.new(row, made)
    for _ in range(min(used, 16) - 2):
        added = graph.over(row, added, made)
    return added

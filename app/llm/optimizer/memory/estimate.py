"""Puts the parts of an estimate together, device by device."""

from __future__ import annotations

from collections.abc import Sequence

from app.gguf import Header
from app.llm.optimizer.memory import architectures, cache, extras, layers, weights
from app.llm.optimizer.memory.computation import compute_bytes
from app.llm.optimizer.memory.records import CPU, DeviceUse, Estimate
from app.llm.optimizer.memory.settings import LoadSettings

NUMBER = 4  # bytes of an F32
_ROUGH_MARGIN = (5, 4)  # of what is computed, where the architecture is not known in detail


def estimate(
    header: Header,
    settings: LoadSettings,
    *,
    adapters: Sequence[Header] = (),
    projector: Header | None = None,
    weights_size: int = 0,
) -> Estimate:
    """What a model takes when it is loaded so.

    It never raises: numbers that are missing or make no sense count as nothing.

    Args:
        header: of the model's file, or of the first part of a split model.
        settings: how it is to be loaded.
        adapters: the headers of the adapters that are loaded with it.
        projector: the header of its projector.
        weights_size: the bytes of all parts, where the header tells only of the first.
    """
    model = layers.read(header)
    placement = weights.Placement.of(model.block_count, settings)
    stored = weights.weight_bytes(header, model, settings, placement, weights_size)
    changed = weights.part_bytes(adapters, placement)
    cached = cache.cache_bytes(model.layers, settings)
    is_rough = _is_rough(model)
    encoder, seeing = extras.projector_bytes(projector) if projector else (0, 0)
    seer = 1 if placement.devices > 1 else 0
    devices = []
    for device in range(placement.devices):
        # With the cache kept in memory only the weights are on the GPUs.
        own = [n for n in range(len(model.layers)) if placement.layers[n] == device]
        kept = own if settings.offload_cache else list(range(len(model.layers))) * (not device)
        compute = _compute(model, own, settings, device)
        if is_rough:
            compute = compute * _ROUGH_MARGIN[0] // _ROUGH_MARGIN[1]
        is_seer = device == seer
        devices.append(
            DeviceUse(
                name=f"GPU{device - 1}" if device else CPU,
                weights=stored[device] + changed[device] + (encoder if is_seer else 0),
                repacked=0 if device else weights.repacked_bytes(header, settings, placement),
                cache=sum(cached[n] for n in kept),
                state=sum(cache.state_bytes(model.layers[n], settings) for n in kept),
                compute=compute + (seeing if is_seer else 0),
                output=0 if device else _output(model, settings),
                work=0 if device else _work(model, own, settings),
                overhead=extras.GPU_RUNTIME if device else extras.overhead_bytes(header, settings),
            )
        )
    return Estimate(tuple(devices), is_rough)


def _is_rough(model: layers.Model) -> bool:
    """Whether the figure is more a guess than a reckoning."""
    is_known = model.architecture in architectures.KNOWN
    return not (is_known and model.layers and model.width and model.vocabulary)


def _compute(model: layers.Model, own: Sequence[int], settings: LoadSettings, device: int) -> int:
    if own:
        return compute_bytes(model, [model.layers[n] for n in own], settings)
    # Without a layer of its own the CPU still looks the tokens up.
    return 0 if device else 2 * settings.tokens() * model.width * NUMBER


def _output(model: layers.Model, settings: LoadSettings) -> int:
    """The logits, and vectors where they are wanted; llama-context.cpp, output_reserve."""
    rows = settings.sequences()
    if settings.n_outputs != 1:
        rows = max(rows, settings.outputs())
    width = model.vocabulary + (model.width if settings.embeddings else 0)
    return rows * width * NUMBER


def _work(model: layers.Model, own: Sequence[int], settings: LoadSettings) -> int:
    return extras.work_bytes(model, [model.layers[n] for n in own], settings)

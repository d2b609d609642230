"""What can be set of a model's load, as data: only what this model and this computer have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.ui.settings.rows import Choice, Number, Row, Text

if TYPE_CHECKING:
    from app.llm.workbench import Limits
    from app.schema import LoadPlan

OWN = "Hearth's choice"
# The field of a plan that a number decides, by which Hearth's own is shown in an empty line.
PLANNED = {
    "context": "n_ctx",
    "threads": "n_threads",
    "threads_batch": "n_threads_batch",
    "gpu_layers": "n_gpu_layers",
    "cpu_expert_layers": "cpu_expert_layers",
    "batch": "n_batch",
    "ubatch": "n_ubatch",
}
SWITCH = Choice(((None, OWN), (True, "On"), (False, "Off")))


def first(limits: Limits) -> list[Row]:
    """The rows that decide most; their paths are the fields of a WishSetting."""
    return [_context(limits), *_cache(limits), *([_layers(limits)] if limits.cards else ())]


def more(limits: Limits) -> list[Row]:
    """The other rows."""
    return [_flash(), *_cards(limits), *_processor(), *_memory()]


def own(made: LoadPlan | None, path: str) -> str:
    """What a row's empty line stands for: the number that Hearth has chosen."""
    field = PLANNED.get(path)
    if made is None or field is None:
        return OWN
    number: int = getattr(made, field)
    return "all" if number < 0 else f"{number}"


def _count(step: float, unit: str = "", most: float | None = None) -> Number:
    return Number(unit, 1.0, step, is_whole=True, most=most, empty=(None,), placeholder=OWN)


def _row(name: str, about: str, control: Choice | Number | Text, path: str) -> Row:
    return Row(name, about, control, path=path, id=f"wish-{path}")


def _context(limits: Limits) -> Row:
    trained = limits.trained_context
    most = f"; this model was trained for {trained:,}" if trained else ""
    about = f"How much of a chat the model sees at once{most}."
    return _row("Context", about, _count(1024, "tokens", trained or None), "context")


def _cache(limits: Limits) -> Iterator[Row]:
    options = ((None, OWN), *((kind, kind) for kind in limits.cache_types))
    yield _row(
        "KV cache: keys",
        "What the model keeps of each token of the chat; q8_0 takes half the memory of f16.",
        Choice(options),
        "type_k",
    )
    yield _row(
        "KV cache: values",
        "The other half of it; without flash attention it is kept as f16.",
        Choice(options),
        "type_v",
    )


def _flash() -> Row:
    return _row(
        "Flash attention",
        "The same answers, with less memory for a long context.",
        SWITCH,
        "flash_attention",
    )


def _layers(limits: Limits) -> Row:
    where = " and ".join(limits.cards)
    return _row(
        "Layers on graphics cards",
        f"How many of its {limits.layers} layers are on {where}; -1 stands for all.",
        _count(1, most=limits.layers),
        "gpu_layers",
    )


def _cards(limits: Limits) -> Iterator[Row]:
    if limits.cards and limits.expert_layers:
        yield _row(
            "Experts on the processor",
            "So many first layers keep their experts in the computer's memory.",
            _count(1, "layers", limits.expert_layers),
            "cpu_expert_layers",
        )
    if len(limits.cards) > 1:
        yield _row(
            "Shares of the cards",
            "How the layers are spread: a number for each card, one in a line.",
            Text(OWN, lines=len(limits.cards), is_list=True),
            "tensor_split",
        )


def _processor() -> Iterator[Row]:
    yield _row("Threads", "How many threads write the answer.", _count(1), "threads")
    yield _row(
        "Threads for prompts", "How many threads read the prompt.", _count(1), "threads_batch"
    )
    yield _row(
        "Batch",
        "How many tokens of a prompt are handed over together.",
        _count(256, "tokens"),
        "batch",
    )
    yield _row(
        "Batch at once",
        "How many of these are computed at once; fewer take less memory.",
        _count(128, "tokens"),
        "ubatch",
    )


def _memory() -> Iterator[Row]:
    yield _row(
        "Memory mapping",
        "The file is read as it is needed; another program that changes it meanwhile ends Hearth.",
        SWITCH,
        "use_mmap",
    )
    yield _row(
        "Memory locking",
        "The model is kept from being swapped out, where the system allows it.",
        SWITCH,
        "use_mlock",
    )

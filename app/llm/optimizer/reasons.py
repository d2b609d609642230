"""Says for each choice of a plan, in a sentence, why it is so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import wording
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.threads import counted
from app.llm.optimizer.tuned import NAMES, NOT_TUNED, Tuned
from app.schema import LoadPlan, Reason

if TYPE_CHECKING:
    from app.gguf import Header
    from app.llm.optimizer.fitting import Fit
    from app.llm.optimizer.machine.records import Computer
    from app.llm.optimizer.memory import LoadSettings
    from app.llm.optimizer.room import Room
    from app.llm.optimizer.wishes import Ceiling, Wishes

_FIELDS = (
    "n_ctx", "n_gpu_layers", "tensor_split", "cpu_expert_layers", "type_k", "flash_attention",
    "n_batch", "use_mmap", "use_mlock", "use_numa",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What a plan was made of."""

    computer: Computer
    header: Header
    wishes: Wishes
    wanted: LoadSettings
    fit: Fit
    room: Room
    ceiling: Ceiling
    tuned: Tuned = NOT_TUNED

    @property
    def shape(self) -> Shape:
        """What of the model's shape the plan turns on."""
        return Shape.of(self.header)


def of(made: LoadPlan, told: Told, given: Sequence[tuple[str, str]]) -> tuple[Reason, ...]:
    """The reasons, of which some are `given` already."""
    reasons = [
        Reason(choice, _measured(choice, made, told) or sentence) for choice, sentence in given
    ]
    for choice in _FIELDS:
        if sentence := _measured(choice, made, told):
            reasons.append(Reason(choice, sentence))
        else:
            reasons += (Reason(choice, *said) for said in _SAYERS[choice](made, told))
    return tuple(reasons)


def _measured(choice: str, made: LoadPlan, told: Told) -> str:
    """The reason where it is a measurement; else ""."""
    together = _TOGETHER.get(choice, (choice,))
    if choice not in NAMES or not told.tuned.decides(made, told.wishes, *together):
        return ""
    words = {
        "n_threads": counted(made.n_threads),
        "n_threads_batch": counted(made.n_threads_batch),
        "n_batch": f"{made.n_batch:,} tokens of a prompt, {made.n_ubatch:,} at once",
        "flash_attention": "On" if made.flash_attention else "Off",
        "type_k": made.type_k if made.type_k == made.type_v else f"{made.type_k} and {made.type_v}",
        "n_gpu_layers": f"{made.n_gpu_layers} of {told.shape.layers} layers on the graphics card",
    }
    day = wording.full_day(told.tuned.day)
    return f"{words[choice]}: the fastest that was measured here on {day}."


_TOGETHER = {"n_batch": ("n_batch", "n_ubatch"), "type_k": ("type_k", "type_v")}


Said = Iterator[tuple[str, bool]]  # a sentence, and whether the person is told of it


def _context(made: LoadPlan, told: Told) -> Said:
    trained, wished = told.header.trained_context, told.wishes.context
    tokens = f"{made.n_ctx:,} token{'' if made.n_ctx == 1 else 's'}"
    if made.n_ctx < told.wanted.n_ctx:
        taken = _gigabytes(told.fit.estimate.total)
        said = (
            f"{tokens}: {told.wanted.n_ctx:,} would not fit; this takes {taken} "
            f"of the {_free(told)} that are free."
        )
        yield said, True
    elif told.ceiling.context is not None and made.n_ctx >= told.ceiling.context:
        yield f"{tokens}: with more, this model did not load here before.", True
    elif wished is not None and trained and wished > trained:
        yield f"{tokens}: {wished:,} were wished for, and the model was trained for no more.", True
    elif wished is not None:
        yield f"{tokens}, as you set it.", False
    elif trained and made.n_ctx == trained:
        yield f"{tokens}: the model was trained for no more.", False
    elif told.wishes.less_memory:
        yield f"{tokens}, to take less memory.", False
    else:
        trained_for = f"; the model was trained for {trained:,}" if trained else ""
        yield f"{tokens}: enough for a long chat{trained_for}.", False
    if told.fit.is_crowded:
        said = (
            f"This model takes {_gigabytes(told.fit.estimate.cpu.total)} of memory, and "
            f"{_free(told)} are free: close other programs, or it will be slow."
        )
        yield said, True


def _layers(made: LoadPlan, told: Told) -> Said:
    total = told.shape.layers
    names = " and ".join(card.name for card in told.room.gpus)
    if not told.room.gpus:
        yield _no_card(told.computer), False
    elif told.ceiling.gpu_layers is not None and 0 <= told.ceiling.gpu_layers <= made.n_gpu_layers:
        yield f"{made.n_gpu_layers} layers: with more, this model did not load here before.", True
    elif told.wishes.gpu_layers is not None:
        count = "All" if made.n_gpu_layers < 0 else f"{made.n_gpu_layers}"
        yield f"{count} layers on {names}, as you set it.", False
    elif made.n_gpu_layers < 0 or made.n_gpu_layers >= total:
        rest = " but for experts" if made.cpu_expert_layers else ""
        taken = _gigabytes(sum(gpu.total for gpu in told.fit.estimate.gpus))
        yield f"All {total} layers on {names}{rest}: they take {taken} there.", False
    elif made.n_gpu_layers == 0:
        yield f"No layers on {names}: not even one finds room there.", False
    else:
        said = (
            f"{made.n_gpu_layers} of {total} layers on {names}, as many as find room; the "
            "processor has the rest."
        )
        yield said, False


def _no_card(computer: Computer) -> str:
    for gpu in computer.gpus:
        if gpu.reason:
            return f"No layers on {gpu.name}: {_beginning_low(gpu.reason)}"
    return "The processor computes: no graphics card was found that could."


def _split(made: LoadPlan, told: Told) -> Said:
    if len(told.room.gpus) > 1 and made.tensor_split:
        parts = ", ".join(
            f"{share / sum(made.tensor_split):.0%} on {card.name}"
            for share, card in zip(made.tensor_split, told.room.gpus, strict=False)
        )
        why = "as you set it" if told.wishes.tensor_split else "by the memory that is free there"
        yield f"{parts}, {why}.", False


def _experts(made: LoadPlan, told: Told) -> Said:
    if made.cpu_expert_layers and told.wishes.cpu_expert_layers is None:
        said = (
            f"The experts of {made.cpu_expert_layers} layers stay in the computer's memory: the "
            "graphics card has no room for them, and a token needs only a few."
        )
        yield said, False
    elif made.cpu_expert_layers:
        yield f"The experts of {made.cpu_expert_layers} layers on the processor, as you set.", False


def _cache(made: LoadPlan, told: Told) -> Said:
    kind = made.type_k if made.type_k == made.type_v else f"{made.type_k} and {made.type_v}"
    if (made.type_k, made.type_v) != (told.wanted.type_k, told.wanted.type_v):
        yield f"{kind}: half the memory of f16, which would not fit; hardly less exact.", True
    elif told.wishes.type_k or told.wishes.type_v:
        if made.type_k != (told.wishes.type_k or made.type_k).lower():
            yield f"{kind}: this model's heads do not divide into blocks of 32 numbers.", True
        elif made.type_v != (told.wishes.type_v or made.type_v).lower():
            yield f"{kind}: without flash attention, values are kept as f16.", True
        else:
            yield f"{kind}, as you set it.", False
    elif told.wishes.less_memory and made.type_k != "f16":
        yield f"{kind}: half the memory of f16, hardly less exact.", False
    elif made.type_k == "f16":
        yield "f16: exact, and there is room for it.", False


def _flash(made: LoadPlan, told: Told) -> Said:
    if told.wishes.flash_attention is not None:
        yield f"{'On' if made.flash_attention else 'Off'}, as you set it.", False
    else:
        yield "On: the same answers, with less memory for a long context.", False


def _batch(made: LoadPlan, told: Told) -> Said:
    sizes = f"{made.n_batch:,} tokens of a prompt, {made.n_ubatch:,} at once"
    if told.wishes.batch or told.wishes.ubatch:
        yield f"{sizes}, as you set it.", False
    elif told.wishes.less_memory:
        yield f"{sizes}: smaller steps take less memory.", False
    else:
        yield f"{sizes}: llama.cpp's own steps, which suit most processors.", False


def _mmap(made: LoadPlan, told: Told) -> Said:
    if told.wishes.use_mmap is not None:
        yield f"{'On' if made.use_mmap else 'Off'}, as you set it.", False
    elif made.use_mmap:
        yield "Weights are mapped from the file: there is little memory to read them into.", False
    else:
        yield "Weights are read into memory, so that a change of the file does no harm.", False


def _mlock(_made: LoadPlan, told: Told) -> Said:
    if told.wishes.use_mlock:
        yield "Weights are kept from being swapped out, as you set it.", False
    else:
        yield "Not locked: the system may use the memory when Hearth rests.", False


def _numa(made: LoadPlan, told: Told) -> Said:
    nodes = len(told.computer.processor.numa_nodes)
    if made.use_numa:
        yield (
            f"Threads are spread over {nodes} memory nodes, so that each reads what is near.",
            False,
        )


_SAYERS = {
    "n_ctx": _context,
    "n_gpu_layers": _layers,
    "tensor_split": _split,
    "cpu_expert_layers": _experts,
    "type_k": _cache,
    "flash_attention": _flash,
    "n_batch": _batch,
    "use_mmap": _mmap,
    "use_mlock": _mlock,
    "use_numa": _numa,
}


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _free(told: Told) -> str:
    return _gigabytes(told.room.free + sum(card.free for card in told.room.gpus))


def _beginning_low(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]

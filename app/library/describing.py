"""Models in words, the same in the window and in the terminal: a line for lists, lines for all."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app import wording
from app.library.hub.verdict import Judgement
from app.library.records import Kind, LibraryModel, Presence
from app.library.stores import names
from app.library.verdicts import Fit
from app.llm.optimizer.room import room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.llm.optimizer.machine.records import Computer

VERDICTS = {
    Fit.NOW: "fits",
    Fit.PARTLY: "fits partly on the graphics card",
    Fit.REDUCED: "fits with a smaller context or cache",
    Fit.CROWDED: "fits when other programs are closed",
    Fit.NEVER: "too large for this computer",
}
KINDS = {
    Kind.CHAT: "chat model",
    Kind.EMBEDDING: "embedding model",
    Kind.ADAPTER: "adapter (LoRA)",
    Kind.PROJECTOR: "projector",
    Kind.VOCABULARY: "vocabulary only",
    Kind.OTHER: "other file",
}
FEATURES = {
    "template": "chat template",
    "tools": "tools",
    "thinking": "reasoning",
    "vision": "vision",
    "hearing": "hearing",
    "embedding": "embedding",
}
IN_LINE = ("thinking", "vision", "embedding")  # the last as its kind
UNKNOWN = 1 << 60  # bytes: how much memory there is, is not known
ABSENT = {
    Presence.AWAY: "its drive or folder is not there now",
    Presence.INCOMPLETE: "parts are missing",
    Presence.DAMAGED: "damaged",
}


def state(model: LibraryModel, fit: Fit | None) -> str:
    """Whether it can be used, in a word or two."""
    if model.presence is not Presence.HERE:
        return _absence(model)
    if model.kind not in (Kind.CHAT, Kind.EMBEDDING):
        return KINDS[model.kind]
    return VERDICTS[fit] if fit is not None else ""


def _absence(model: LibraryModel) -> str:
    """Why it cannot be used, in a word or two; "" where it can."""
    if model.presence is Presence.INCOMPLETE and names.part(model.path.name) is None:
        return "not complete"
    return ABSENT.get(model.presence, "")


def line(model: LibraryModel) -> str:
    """The facts in one line."""
    parts = [
        model.architecture,
        wording.parameters(model.parameters) if model.parameters else "",
        model.quantisation,
        wording.size(model.size) if model.size else "",
        f"{model.trained_context:,} tokens" if model.trained_context else "",
        *(FEATURES[name] for name in IN_LINE[:2] if name in model.features),
        KINDS[model.kind] if model.kind is not Kind.CHAT else "",
        model.program,
    ]
    return " · ".join(filter(None, parts))


def more(model: LibraryModel, now: datetime) -> str:
    """What that line leaves out: the other features, the licence, when it was used last."""
    able = [FEATURES[name] for name in FEATURES if name in model.features and name not in IN_LINE]
    used = f"used {wording.day(model.last_used, now)}" if model.last_used else ""
    return " · ".join(filter(None, (*able, model.licence, used)))


def lines(
    model: LibraryModel, fit: Fit | Judgement | None, now: datetime
) -> Sequence[tuple[str, str]]:
    """All that is known, as pairs of a name and a value; what is not known is left out."""
    known = [FEATURES[name] for name in FEATURES if name in model.features]
    parts = f", in {len(model.files)} parts" if len(model.files) > 1 else ""
    pairs = [
        ("Kind", KINDS[model.kind]),
        ("Architecture", model.architecture),
        ("Parameters", wording.parameters(model.parameters) if model.parameters else ""),
        ("Quantisation", model.quantisation),
        ("Size", wording.size(model.size) + parts if model.size else ""),
        ("Trained context", f"{model.trained_context:,} tokens" if model.trained_context else ""),
        ("Features", ", ".join(known)),
        ("Licence", model.licence),
        ("Last used", wording.day(model.last_used, now) if model.last_used else ""),
        ("Fits here", _fits(fit)),
        ("Belongs to", model.program),
        ("Came from", model.source.repo if model.source else ""),
        ("Lies in", names.shown(model.folder)),
        ("Projector", names.shown(model.projector.name) if model.projector else ""),
        ("Trouble", model.problem or _absence(model)),
    ]
    return [pair for pair in pairs if pair[1]]


def memory(computer: Computer, largest: int) -> str:
    """How much memory this computer has and how much is free, and the largest file that fits."""
    total, free = computer.memory.usable_total, computer.memory.usable_available
    if total is None or free is None:
        return "How much memory this computer has is not known. A smaller model answers faster."
    space = room(computer)
    cards = 0 if space.is_unified else sum(card.free for card in space.gpus)
    on_card = f", and {wording.size(cards)} on the graphics card" if cards else ""
    return (
        f"This computer has {wording.size(total)} of memory, of which {wording.size(free)} are "
        f"free now{on_card}. A model file may have up to about {wording.size(largest)}. A smaller "
        "one answers faster."
    )


def _fits(fit: Fit | Judgement | None) -> str:
    if isinstance(fit, Judgement):
        return judgement(fit)
    return VERDICTS[fit] if fit is not None else ""


def judgement(judged: Judgement) -> str:
    """A verdict before the download or the load, with its figures."""
    needed = f"it needs {_size(judged, judged.needed)}"
    for_context = f" with {judged.context:,} tokens of context" if judged.context else ""
    free = f"{wording.size(judged.available)} of memory are free"
    total = f"this computer has {wording.size(judged.total)} of memory for it"
    card = f"{wording.size(judged.gpu)} on the graphics card"
    if judged.total >= UNKNOWN:
        return f"{VERDICTS[judged.verdict].capitalize()}: {needed}{for_context}."
    match judged.verdict:
        case Fit.NOW if judged.on_gpu:
            needed = f"it needs {_size(judged, judged.on_gpu)} on the graphics card"
            return f"Fits: {needed}{for_context}, and {wording.size(judged.gpu)} are free there."
        case Fit.NOW:
            return f"Fits: {needed}{for_context}, and {free}."
        case Fit.PARTLY:
            return (
                f"Fits partly on the graphics card: {needed}{for_context}, and {card} and {free}."
            )
        case Fit.REDUCED:
            where = f"{card} and {free}" if judged.on_gpu else free
            return f"Fits with {_reduced(judged)}: {needed}{_instead(judged)}, and {where}."
        case Fit.CROWDED:
            if judged.on_gpu:
                taken = wording.size(judged.needed - judged.on_gpu)
                needed = f"it needs {taken} of memory beside the graphics card"
            return (
                f"Fits when other programs are closed: {needed}{for_context}, {free}, and {total}."
            )
        case Fit.NEVER:
            least = "at least " if judged.is_exact else "about "
            needed = f"it needs {least}{wording.size(judged.needed)}"
            with_card = f", and {card}" if judged.gpu else ""
            return f"Too large: {needed}, and {total}{with_card}."


def _size(judged: Judgement, count: int) -> str:
    return ("" if judged.is_exact else "about ") + wording.size(count)


def _reduced(judged: Judgement) -> str:
    """What is smaller than wanted."""
    if not judged.cache:
        return "a smaller context"
    return "a smaller context and KV cache" if judged.wanted else "a smaller KV cache"


def _instead(judged: Judgement) -> str:
    if not judged.is_exact:
        return " with the usual one"
    instead = f" instead of {judged.wanted:,}" if judged.wanted else ""
    cache = f" and a KV cache of the type {judged.cache}" if judged.cache else ""
    return f" with {judged.context:,} tokens of context{instead}{cache}"

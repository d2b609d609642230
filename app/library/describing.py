"""Models in words, the same in the window and in the terminal: a line for lists, lines for all."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app import wording
from app.library.hub.verdict import Judgement, Verdict
from app.library.records import Kind, LibraryModel, Presence
from app.library.shelf import Fit
from app.library.stores import names

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICTS = {
    Fit.NOW: "fits",
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


def lines(model: LibraryModel, fit: Fit | None, now: datetime) -> Sequence[tuple[str, str]]:
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
        ("Fits here", VERDICTS[fit] if fit is not None else ""),
        ("Belongs to", model.program),
        ("Came from", model.source.repo if model.source else ""),
        ("Lies in", names.shown(model.folder)),
        ("Projector", names.shown(model.projector.name) if model.projector else ""),
        ("Trouble", model.problem or _absence(model)),
    ]
    return [pair for pair in pairs if pair[1]]


def judgement(judged: Judgement) -> str:
    """A verdict before the download, with its figures."""
    needed = f"needs {'' if judged.is_exact else 'about '}{wording.size(judged.needed)}"
    for_context = f" with {judged.context:,} tokens of context" if judged.context else ""
    free = f"{wording.size(judged.available)} of memory are free"
    total = f"this computer has {wording.size(judged.total)} of memory"
    card = f"{wording.size(judged.gpu)} on the graphics card"
    match judged.verdict:
        case Verdict.WHOLE:
            where = f"{card} are free" if judged.gpu else free
            return f"Fits: it {needed}{for_context}, and {where}."
        case Verdict.PARTLY:
            return (
                f"Fits partly on the graphics card: it {needed}{for_context}, and {card} and "
                f"{free}."
            )
        case Verdict.CROWDED:
            return (
                f"Fits when other programs are closed: it {needed}{for_context}, {free}, and "
                f"{total}."
            )
        case Verdict.NEVER:
            return f"Too large: it {needed}{for_context}, and {total}."

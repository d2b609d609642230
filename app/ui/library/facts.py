"""What is known of a model in words: a line for the list, and lines for the details."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app import wording
from app.library.hub.verdict import Judgement, Verdict
from app.library.records import Kind, LibraryModel, Presence
from app.library.shelf import Fit

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
ABSENT = {
    Presence.AWAY: "its drive or folder is not there now",
    Presence.INCOMPLETE: "parts are missing",
    Presence.DAMAGED: "damaged",
}


def state(model: LibraryModel, fit: Fit | None) -> str:
    """Whether it can be used, in a word or two."""
    if model.presence is not Presence.HERE:
        return ABSENT[model.presence]
    if model.kind not in (Kind.CHAT, Kind.EMBEDDING):
        return KINDS[model.kind]
    return VERDICTS[fit] if fit is not None else ""


def line(model: LibraryModel) -> str:
    """The facts in one line."""
    parts = [
        model.architecture,
        wording.parameters(model.parameters) if model.parameters else "",
        model.quantisation,
        wording.size(model.size) if model.size else "",
        f"{model.trained_context:,} tokens" if model.trained_context else "",
        *(FEATURES[name] for name in ("thinking", "vision") if name in model.features),
        KINDS[model.kind] if model.kind is not Kind.CHAT else "",
        model.program,
    ]
    return " · ".join(filter(None, parts))


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
        ("Lies in", str(model.folder)),
        ("Projector", model.projector.name if model.projector else ""),
        ("Trouble", model.problem or ABSENT.get(model.presence, "")),
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

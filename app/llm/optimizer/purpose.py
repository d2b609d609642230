"""What a model file is for: to chat, to turn texts into vectors, or to be a part of another."""

from __future__ import annotations

from app.errors import UnsupportedModel
from app.gguf import Header

ENCODERS = ("bert", "t5encoder", "gemma-embedding")
RERANKING = 4  # of `pooling_type`; llama.h, enum llama_pooling_type
PARTS = ("adapter", "mmproj", "imatrix")

_NOT_FOR_CHAT = {
    "adapter": "an adapter (LoRA), which changes another model and cannot answer by itself",
    "mmproj": "a projector (mmproj), which lets another model see or hear",
    "imatrix": "an importance matrix, a by-product of quantising a model",
    "vocabulary": "a vocabulary without weights",
}


def is_encoder(header: Header) -> bool:
    """Whether the model only reads: it makes vectors of texts and cannot write any."""
    return header.architecture.endswith(ENCODERS) or "-bert" in header.architecture


def makes_vectors(header: Header) -> bool:
    """Whether it is meant to turn texts into vectors."""
    return is_encoder(header) or header.shape("pooling_type") > 0


def require_model(header: Header) -> None:
    """Raises UnsupportedModel for what is no model by itself."""
    if header.kind in _NOT_FOR_CHAT:
        raise UnsupportedModel(
            f"“{header.path.name}” is {_NOT_FOR_CHAT[header.kind]}.",
            "Open the model file itself.",
        )


def require_chat(header: Header) -> None:
    """Raises UnsupportedModel for what cannot chat."""
    require_model(header)
    if is_encoder(header):
        raise UnsupportedModel(
            f"“{header.path.name}” is an embedding model, which compares texts but cannot chat.",
            "Choose a chat model.",
        )


def require_vectors(header: Header) -> None:
    """Raises UnsupportedModel for what cannot turn texts into vectors."""
    require_model(header)
    if header.shape("pooling_type") == RERANKING:
        raise UnsupportedModel(
            f"“{header.path.name}” is a reranking model, which rates pairs of texts and makes no "
            "vectors.",
            "Choose an embedding model.",
        )

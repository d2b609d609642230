"""What a model file's header says of it, in the few values that the library shows."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import gguf
from app.errors import ModelFileError
from app.library.records import Kind
from app.library.stores import names
from app.llm.optimizer import needs, purpose
from app.llm.optimizer.needs import Needs

LONGEST_NAME, LONGEST_TEXT = 200, 2_000  # characters
LOADED = (Kind.CHAT, Kind.EMBEDDING)  # by themselves
VERSION = 4  # of how facts are drawn from a header
EMBEDDING_POOLING = (1, 2, 3)  # mean, CLS, last; llama.h, enum llama_pooling_type
# Models of other programs (stable-diffusion.cpp, whisper.cpp), and helpers of language models.
OTHER_ARCHITECTURES = frozenset((
    "flux", "sd1", "sd2", "sd3", "sdxl", "aura", "ltxv", "hyvid", "hunyuan_video", "wan", "lumina2",
    "hidream", "cosmos", "qwen_image", "pig", "pixart", "z_image", "chroma", "rmbg", "sam3",
    "whisper", "wavtokenizer-dec", "controlvector", "imatrix", "eagle3",
))  # fmt: skip
KINDS = {
    "mmproj": Kind.PROJECTOR,
    "adapter": Kind.ADAPTER,
    "vocabulary": Kind.VOCABULARY,
    "model": Kind.CHAT,
}
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
TOOLS = re.compile(r"\btools\b|\btool_calls\b")
THINKING = re.compile(
    r"</?think>|\benable_thinking\b|\bthinking\b|\breasoning_(?:content|effort)\b"
    r"|<\|channel\|>|\[THINK\]|<seed:think>"
)
# Projectors that were made before 2025 state a dimension of their vision tower.
OLD_PROJECTORS = ("", "mlp", "mlp_norm", "ldp", "ldpv2", "resampler", "adapter")


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one file; a part of a split model has only some."""

    kind: Kind = Kind.CHAT
    name: str = ""
    architecture: str = ""
    parameters: int = 0
    quantisation: str = ""
    trained_context: int = 0
    licence: str = ""
    description: str = ""
    features: frozenset[str] = frozenset()
    width: int = 0  # a model's embedding length, or that of the models a projector is for
    problem: str = ""  # why the file cannot be used
    is_final: bool = True  # else the file is being written
    is_readable: bool = True  # else the disk or its owner refused, which may pass
    taken: Needs | None = None  # when it is loaded, beside the bytes of the file

    def as_json(self) -> dict[str, Any]:
        """For the database; what is usual is left out."""
        known = {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        if self.taken is not None:
            known["taken"] = dataclasses.astuple(self.taken)
        return {**known, "features": sorted(self.features)} if self.features else known

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Facts:
        """The inverse of `as_json`. Raises ValueError and TypeError on other values."""
        kind = Kind(values.get("kind", Kind.CHAT))
        features = frozenset(values.get("features", ()))
        taken = Needs(*map(int, values["taken"])) if "taken" in values else None
        return cls(**{**values, "kind": kind, "features": features, "taken": taken})


def read(path: Path) -> Facts:
    """The facts of a file; where it cannot be read, why."""
    try:
        header = gguf.read(path)
    except ModelFileError as error:
        is_readable = not isinstance(error.__cause__, OSError)
        return Facts(problem=str(error), name=names.title(path), is_readable=is_readable)
    return of(header)


def of(header: gguf.Header) -> Facts:
    """The facts that a header holds."""
    kind = kind_of(header)
    return Facts(
        kind=kind,
        name=one_line(header.text("general.name")) or names.title(header.path),
        architecture=one_line(header.architecture),
        parameters=header.parameters,
        quantisation=header.quantisation,
        trained_context=header.trained_context,
        licence=_licence(header),
        description=one_line(header.text("general.description"), LONGEST_TEXT),
        features=features_of(header, kind),
        width=_width(header, kind),
        taken=needs.of(header).of_file(-header.file_size) if kind in LOADED else None,
    )


def kind_of(header: gguf.Header) -> Kind:
    """What a file is for."""
    if header.architecture in OTHER_ARCHITECTURES:
        return Kind.OTHER
    if _is_adapter(header):
        return Kind.ADAPTER
    kind = KINDS.get(header.kind, Kind.OTHER)
    if kind is Kind.VOCABULARY and header.integer("split.count") > 1:
        kind = Kind.CHAT  # the first part of a split model may hold no weights
    if kind is not Kind.CHAT:
        return kind
    pooling = header.shape("pooling_type")
    if pooling == purpose.RERANKING:
        return Kind.OTHER
    if purpose.is_encoder(header) or pooling in EMBEDDING_POOLING:
        return Kind.EMBEDDING
    is_part = header.integer("split.count") > 1
    is_anonymous = not header.architecture and "tokenizer.ggml.model" not in header.metadata
    return Kind.OTHER if is_anonymous and not is_part else Kind.CHAT


def _is_adapter(header: gguf.Header) -> bool:
    stated = header.text("general.type") == "adapter" or "adapter.type" in header.metadata
    return stated or (
        bool(header.tensors)
        and all(tensor.name.endswith((".lora_a", ".lora_b")) for tensor in header.tensors)
    )


def features_of(header: gguf.Header, kind: Kind) -> frozenset[str]:
    """What a model can do, as far as its file tells."""
    if kind is Kind.PROJECTOR:
        return frozenset(_senses(header))
    found = {"embedding"} if kind is Kind.EMBEDDING else set()
    if kind is not Kind.CHAT:
        return frozenset(found)
    templates = {
        key: value
        for key, value in header.metadata.items()
        if key.startswith("tokenizer.chat_template") and isinstance(value, str) and value
    }
    text = COMMENT.sub("", "\n".join(templates.values()))
    if templates:
        found.add("template")
    if TOOLS.search(text):
        found.add("tools")
    if THINKING.search(text):
        found.add("thinking")
    return frozenset(found)


def _senses(header: gguf.Header) -> set[str]:
    """Which senses a projector gives to a model."""
    found = set()
    for sense, tower in (("vision", "vision"), ("hearing", "audio")):
        stated = header.metadata.get(f"clip.has_{tower}_encoder")
        has_keys = any(key.startswith(f"clip.{tower}.") for key in header.metadata)
        if stated is True or (stated is None and has_keys):
            found.add(sense)
    return found or {"vision"}


def _width(header: gguf.Header, kind: Kind) -> int:
    if kind is not Kind.PROJECTOR:
        return header.shape("embedding_length")
    for tower in ("vision", "audio"):
        how = header.text(f"clip.{tower}.projector_type") or header.text("clip.projector_type")
        width = header.integer(f"clip.{tower}.projection_dim")
        if width and (how not in OLD_PROJECTORS or header.text("general.type") == "mmproj"):
            return width
    return 0


def one_line(text: str, longest: int = LONGEST_NAME) -> str:
    """A text of a stranger's as it can be shown: printable, in one line, and not endless."""
    return " ".join(names.UNSAFE.sub(" ", text[: 4 * longest]).split())[:longest]


def _licence(header: gguf.Header) -> str:
    """Its short name; some files list several."""
    value = header.metadata.get("general.license")
    if isinstance(value, tuple):
        return one_line(", ".join(str(one) for one in value))
    name = one_line(header.text("general.license.name"))
    stated = one_line(header.text("general.license"))
    return name if name and stated in ("", "other") else stated

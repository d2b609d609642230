"""Ollama's models: their names, what is told of them, and how their fetching goes on.

Source: https://github.com/ollama/ollama (docs/api.md and types/model/name.go, 0.33).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.errors import HearthError, ModelMissing, StreamCut
from app.llm.providers import failures
from app.llm.providers.wire.fields import mapping, objects, parsed, string, whole
from app.schema import ModelInfo, ModelRef, PullProgress, RunningModel

LATEST = ":latest"
FEATURES: Mapping[str, str] = {  # their capability -> our feature
    "completion": "chat",
    "embedding": "embedding",
    "vision": "vision",
    "tools": "tools",
    "thinking": "thinking",
}
UNITS: Mapping[str, float] = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
NO_SUCH = ("file does not exist", "not found")  # what a registry without the model is quoted with
_SIZE = re.compile(r"(?:(\d+)x)?(\d+(?:\.\d+)?)\s*([KMBT]?)", re.IGNORECASE)
_BAKED = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)


def full_name(name: str) -> str:
    """A model's name with the parts that may be left out, to compare it with others.

    The form is `[host/][namespace/]model[:tag]`; host and namespace ignore case.
    """
    *above, model = name.strip().split("/")
    if ":" not in model:
        model += LATEST
    defaults = ["registry.ollama.ai", "library"]
    place = [*defaults[: max(0, 2 - len(above))], *(part.lower() for part in above)]
    return "/".join([*place, model])


def parameter_count(size: str) -> int:
    """The number of parameters that a size such as 7.6B or 8x7B names; 0 for anything else."""
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        return 0
    experts, number, unit = found.groups()
    return round(int(experts or 1) * float(number) * UNITS[unit.upper()])


@dataclass(frozen=True, slots=True)
class Shown:
    """What /api/show tells: the facts, and the context that the model's own settings ask for."""

    info: ModelInfo
    own_context: int = 0  # tokens; 0: they do not say

    def added_to(self, listed: ModelInfo) -> ModelInfo:
        """An entry of the list, completed."""
        shown = self.info
        return replace(
            listed,
            quantisation=shown.quantisation or listed.quantisation,
            architecture=shown.architecture or listed.architecture,
            parameters=shown.parameters or listed.parameters,
            trained_context=shown.trained_context or listed.trained_context,
            features=shown.features or listed.features,
            is_cloud=shown.is_cloud or listed.is_cloud,
        )


def shown(info: ModelInfo, reply: Mapping[str, Any]) -> Shown:
    """Reads the reply of /api/show; `info` is what `model_info` made of it."""
    found = _BAKED.search(string(reply, "parameters"))
    return Shown(info, int(found[1]) if found else 0)


def model_info(
    ref: ModelRef, title: str, about: Mapping[str, Any], *, is_cloud: bool = False
) -> ModelInfo:
    """What an entry of /api/tags or the reply of /api/show says of a model.

    `title` is the server's; `is_cloud` says that everything there runs on somebody else's computer.
    """
    details = mapping(about, "details")
    header = mapping(about, "model_info")  # of the GGUF file
    architecture = string(header, "general.architecture") or string(details, "family")
    capabilities = about.get("capabilities")
    told = capabilities if isinstance(capabilities, list) else []
    return ModelInfo(
        ref=ref,
        name=ref.model.removesuffix(LATEST),
        size=whole(about, "size"),
        quantisation=string(details, "quantization_level"),
        architecture=architecture,
        parameters=whole(header, "general.parameter_count")
        or parameter_count(string(details, "parameter_size")),
        trained_context=whole(header, f"{architecture}.context_length")
        or whole(details, "context_length"),
        provider=title,
        features=frozenset(FEATURES[name] for name in told if name in FEATURES),
        is_cloud=is_cloud or bool(about.get("remote_host") or about.get("remote_model")),
    )


def running(reply: Mapping[str, Any]) -> list[RunningModel]:
    """The models in the reply of /api/ps."""
    return [
        RunningModel(
            model=string(about, "model") or string(about, "name"),
            size=whole(about, "size"),
            gpu_size=whole(about, "size_vram"),
            context=whole(about, "context_length"),
        )
        for about in objects(reply.get("models"))
    ]


class Pull:
    """Follows the lines of a fetch; the files of a model come one after the other or together."""

    def __init__(self, name: str, model: str) -> None:
        """`name` is the server's."""
        self._name = name
        self._model = model
        self._files: dict[str, tuple[int, int]] = {}  # digest -> bytes that came, bytes in all
        self._succeeded = False

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that the model is there."""
        return self._succeeded

    def feed(self, line: str) -> PullProgress | None:
        """How far it is after one line; the total grows while files are found.

        Raises:
            HearthError: the line is an error, or cannot be read.
        """
        if self._succeeded or not line.strip():
            return None
        told = parsed(self._name, line)
        if told.get("error"):
            raise self._failure(told)
        digest = string(told, "digest")
        if digest:
            self._files[digest] = (whole(told, "completed"), whole(told, "total"))
        status = string(told, "status")
        self._succeeded = status == "success"
        return PullProgress(
            status,
            sum(done for done, _ in self._files.values()),
            sum(total for _, total in self._files.values()),
        )

    def end(self) -> None:
        """Checks that the fetch is complete.

        Raises:
            StreamCut: it is not.
        """
        if not self._succeeded:
            raise StreamCut(
                f"{self._name} stopped fetching “{self._model}” before it was complete.",
                "Fetch it again: what has come is kept and not fetched twice.",
                provider=self._name,
            )

    def _failure(self, told: Mapping[str, Any]) -> HearthError:
        error = failures.failure(self._name, None, told)
        if any(words in error.message.lower() for words in NO_SUCH):
            return ModelMissing(
                f"{self._name} found no model called “{self._model}” to fetch.",
                "Check its name, for instance at ollama.com/library.",
                error.message,
                provider=self._name,
            )
        return error

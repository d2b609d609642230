"""What the files of a repository are: which belong together, what each is for."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from app.library.records import HubFile, HubModel, Kind
from app.library.stores import names
from app.library.stores.names import SUFFIX

QUANTISATION = re.compile(
    r"(?:^|[-._/:])(?P<name>(?:UD-)?(?:"
    r"I?Q\d(?:_(?:\d+|K[A-Z]?|NL|X?X?[SL]|[MP]))+|Q\d|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4"
    r"|BF16|FP?16|FP?32))(?=$|[-._/:])",
    re.IGNORECASE,
)
SPELLINGS = {"FP16": "F16", "FP32": "F32", "MXFP4_MOE": "MXFP4"}
# Small models that guess ahead for a large one; llama.cpp, common/arg.cpp and common/download.cpp.
AHEAD = ("mtp-", "eagle3-", "dflash-", "dspark-", "draft-")
MAX_PARTS = 1_000
FORBIDDEN = set('\\:*?"<>|' if os.name == "nt" else "\\")  # in the names of files


def is_safe(path: str) -> bool:
    """Whether a path of a repository stays below the folder that it is put into."""
    parts = path.split("/")
    outside = any(part in ("", ".", "..") for part in parts)
    return not outside and path.isprintable() and not set(path) & FORBIDDEN


def models(repo: str, revision: str, files: Iterable[HubFile], usual: Kind) -> list[HubModel]:
    """The GGUF models among the files, small ones first; `usual` is what the repository is for.

    Split models of which parts are missing are left out: no program opens them.
    """
    groups: defaultdict[tuple[str, int], list[HubFile]] = defaultdict(list)
    for file in files:
        if file.path.lower().endswith(SUFFIX) and is_safe(file.path):
            groups[_group(file.path)].append(file)
    made = [
        HubModel(
            repo=repo,
            revision=revision,
            name=PurePosixPath(base).name,
            files=tuple(sorted(parts, key=lambda part: part.path)),
            quantisation=quantisation(base),
            kind=_kind(base, usual),
        )
        for (base, count), parts in groups.items()
        if _is_whole(parts, count)
    ]
    return sorted(made, key=lambda model: (model.size, model.name))


def part_names(path: str) -> list[str]:
    """All parts of the model that a path of a repository belongs to; itself where it is whole."""
    part = names.part(path)
    if part is None or part[2] > MAX_PARTS:
        return [path]
    base, _, count = part
    return [names.part_name(base, number, count) for number in range(1, count + 1)]


def quantisation(path: str) -> str:
    """What the name says, as in Q4_K_M, else the name of the folder; "" where neither does."""
    stem = path[: -len(SUFFIX)] if path.lower().endswith(SUFFIX) else path
    for text in reversed(stem.split("/")):
        if found := [match["name"] for match in QUANTISATION.finditer(text)]:
            name = found[-1].upper()
            return SPELLINGS.get(name, name)
    return ""


def _group(path: str) -> tuple[str, int]:
    """The path without its ending and number, and how many parts there should be."""
    part = names.part(path)
    return (part[0], part[2]) if part else (path[: -len(SUFFIX)], 1)


def _is_whole(parts: list[HubFile], count: int) -> bool:
    wanted = part_names(parts[0].path)
    return len(parts) == count and {part.path for part in parts} == set(wanted)


def _kind(base: str, usual: Kind) -> Kind:
    """What a file is for, by its name."""
    name = PurePosixPath(base).name.lower()
    words = set(re.split(r"[-._]", name))
    if "mmproj" in name:
        return Kind.PROJECTOR
    is_matrix = "imatrix" in name and not quantisation(base)
    if is_matrix or name.startswith(AHEAD) or "draft" in words:
        return Kind.OTHER
    if name.startswith("ggml-vocab"):
        return Kind.VOCABULARY
    if words & {"lora", "adapter"}:
        return Kind.ADAPTER
    return usual

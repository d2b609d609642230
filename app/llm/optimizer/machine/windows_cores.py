"""The kinds of cores on Windows, which no tool prints but its own library tells.

Source: Microsoft's pages on GetLogicalProcessorInformationEx, its structure
SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PROCESSOR_CORE = 0  # winnt.h, enum LOGICAL_PROCESSOR_RELATIONSHIP
_HEAD = struct.Struct("<IIBB20xH")  # relationship, size, flags, class of efficiency, groups
_GROUP = struct.Struct("<QH6x")  # mask of CPUs, number of the group
GROUP_CPUS = 64  # CPUs in a group


@dataclass(frozen=True, slots=True)
class Core:
    """A core with its CPUs; a higher class is a faster core."""

    efficiency_class: int
    cpus: frozenset[int]


def cores(information: bytes) -> list[Core]:
    """The cores in what GetLogicalProcessorInformationEx gives of them; garbage has none."""
    found = []
    offset = 0
    while offset + _HEAD.size <= len(information):
        relationship, size, _, efficiency, groups = _HEAD.unpack_from(information, offset)
        end = offset + size
        if size < _HEAD.size or end > len(information):
            break
        if relationship == PROCESSOR_CORE:
            cpus: set[int] = set()
            for start in range(offset + _HEAD.size, end - _GROUP.size + 1, _GROUP.size)[:groups]:
                mask, group = _GROUP.unpack_from(information, start)
                cpus.update(group * GROUP_CPUS + bit for bit in range(64) if mask >> bit & 1)
            found.append(Core(efficiency, frozenset(cpus)))
        offset = end
    return found

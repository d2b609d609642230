"""What this computer is, as far as a start needs it: the facts that cost next to nothing to read.

All that can be known of it, app.llm.optimizer.machine.reading tells.
"""

from __future__ import annotations

import sys

import psutil

from app.llm.optimizer.machine import linux_cgroups, linux_topology
from app.schema import Hardware


def detect() -> Hardware:
    """Reads the facts afresh; takes about a millisecond."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    if sys.platform == "linux":
        cores = linux_topology.physical_cores() or cores
        quota = linux_cgroups.cpu_quota()
        if quota is not None:
            # More threads than the quota grants spin against each other and collapse.
            cores = min(cores, int(quota))
        limit = linux_cgroups.memory_limit()
        if limit is not None:
            total = min(total, limit)
            available = min(available, limit)
    return Hardware(physical_cores=max(1, cores), total_memory=total, available_memory=available)

"""What is known of this computer, fact by fact, in the words of the window and the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app import wording

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Cache, Computer, Gpu, Memory, Processor
    from app.schema import EngineBuild

KIB, MIB = 1 << 10, 1 << 20  # bytes; caches are counted in powers of two
UNKNOWN = "not known"
USED = {True: "llama.cpp can use it", False: "llama.cpp does not use it", None: ""}
Row = tuple[str, str]


def rows(computer: Computer, build: EngineBuild | None) -> Iterator[Row]:
    """Each fact with its name; "" for what belongs to the fact above it."""
    about = computer.surroundings
    where = [about.system or UNKNOWN]
    where += ["inside Windows"] if about.is_wsl else ["virtual machine"] if about.is_virtual else []
    where += [f"container ({about.container})"] if about.container else []
    if about.model:
        yield "computer", about.model
    yield "system", ", ".join(where)
    yield from _processor(computer.processor)
    yield from _memory(computer.memory)
    yield "power", _power(computer)
    yield "llama.cpp", _engine(build)
    for gpu in computer.gpus:
        yield from _gpu(gpu)
    if not computer.gpus:
        yield "graphics", "no card or unit that computes was found"
    yield "fingerprint", computer.fingerprint()


def _processor(chip: Processor) -> Iterator[Row]:
    name = chip.name or UNKNOWN
    yield "processor", f"{name} ({chip.architecture})" if chip.architecture else name
    cores = str(chip.physical_cores or UNKNOWN)
    if chip.is_hybrid:
        cores += f": {chip.performance_cores} performance, {chip.efficiency_cores} efficiency"
    if chip.logical_cores and chip.logical_cores != chip.physical_cores:
        cores += f"; {chip.logical_cores} hardware threads"
    yield "cores", cores
    if chip.usable_cores != chip.physical_cores:
        yield "usable cores", f"{chip.usable_cores or UNKNOWN}{_limits(chip)}"
    sets = sorted(chip.instruction_sets)
    yield "instructions", ", ".join(sets) or UNKNOWN
    if chip.caches:
        yield "caches", ", ".join(map(_cache, chip.caches))
    if len(chip.numa_nodes) > 1:
        yield "NUMA nodes", str(len(chip.numa_nodes))
    if chip.governor:
        yield "frequency", f"chosen by “{chip.governor}”"


def _limits(chip: Processor) -> str:
    """Why not all cores can be used."""
    reasons = []
    if chip.quota is not None:
        reasons.append(f"a limit of {chip.quota:g} CPUs")
    if chip.allowed_cores is not None and chip.allowed_cores != chip.physical_cores:
        reasons.append(f"tied to {chip.allowed_cores} cores")
    return f" ({', '.join(reasons)})" if reasons else ""


def _cache(cache: Cache) -> str:
    kind = {"data": " data", "instruction": " code"}.get(cache.kind, "")
    is_whole = cache.size % MIB == 0
    size = f"{cache.size // MIB} MiB" if is_whole else f"{cache.size // KIB} KiB"
    return f"L{cache.level}{kind} {size}" + (f" × {cache.count}" if cache.count else "")


def _memory(memory: Memory) -> Iterator[Row]:
    total = UNKNOWN if memory.total is None else wording.size(memory.total)
    yield "memory", f"{total}{_left(memory.available, 'available')}"
    if memory.limit is not None:
        limit = wording.size(memory.limit)
        yield "memory limit", f"{limit}{_left(memory.limit_free, 'free')}"
    if memory.swap_total:
        yield "swap", f"{wording.size(memory.swap_total)}{_left(memory.swap_free, 'free')}"


def _power(computer: Computer) -> str:
    power = computer.power
    source = {True: "battery", False: "mains", None: UNKNOWN}[power.on_battery]
    if power.percent is None:
        return source
    return f"{source}, {'' if power.on_battery else 'battery '}{power.percent} % full"


def _engine(build: EngineBuild | None) -> str:
    if build is None:
        return "cannot be loaded: “hearth doctor” says why"
    return f"llama-cpp-python {build.version}, built for {', '.join(build.backends) or UNKNOWN}"


def _gpu(gpu: Gpu) -> Iterator[Row]:
    facts = [gpu.name]
    if gpu.total is not None:
        facts.append(f"{wording.size(gpu.total)}{_left(gpu.free, 'free')}")
    facts += ["shares the computer's memory"] if gpu.is_unified else []
    facts += [f"driver {gpu.driver}"] if gpu.driver else []
    facts += [gpu.device] if gpu.device else []
    facts += [USED[gpu.is_usable]] if gpu.is_usable is not None else []
    yield "graphics", ", ".join(facts)
    for line in filter(None, (gpu.reason, gpu.remedy)):
        yield "", line


def _left(count: int | None, state: str) -> str:
    return "" if count is None else f", {wording.size(count)} {state}"

"""`hearth hardware`: what this computer has for models, and what of it llama.cpp can use."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from app.cli import console
from app.cli.parser import EXIT_DONE
from app.llm import computer_words
from app.llm.optimizer.machine import reading
from app.llm.optimizer.machine.usability import judge
from app.llm.runner.queued import engine_build

if TYPE_CHECKING:
    import argparse

    from app.llm.optimizer.machine.records import Computer
    from app.schema import EngineBuild


def run(options: argparse.Namespace) -> int:
    """Reads everything afresh, which takes two seconds at most, and prints it."""
    build = engine_build()
    computer = reading.read()
    computer = dataclasses.replace(computer, gpus=judge(computer.gpus, build))
    if options.json:
        console.print_json(as_json(computer, build))
    else:
        for line in report(computer, build):
            print(line)
    return EXIT_DONE


def report(computer: Computer, build: EngineBuild | None) -> Iterator[str]:
    """The lines for a person; where a card cannot be used, the reason and the remedy below it."""
    rows = list(computer_words.rows(computer, build))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield f"{name:{width}}  {value}".rstrip()


def as_json(computer: Computer, build: EngineBuild | None) -> dict[str, Any]:
    """All facts, with what follows from them; sizes in bytes, unknown is null or empty."""
    chip, memory = computer.processor, computer.memory
    value: dict[str, Any] = _plain(computer)
    value["processor"] |= {
        "usable_cores": chip.usable_cores,
        "usable_performance_cores": chip.usable_performance_cores,
    }
    value["memory"] |= {
        "usable_total": memory.usable_total,
        "usable_available": memory.usable_available,
    }
    value["llama_cpp"] = _plain(build) if build else None
    value["fingerprint"] = computer.fingerprint()
    return value


def _plain(value: Any) -> Any:
    """Records as objects, and sets as lists in order."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (one.name for one in dataclasses.fields(value))
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value

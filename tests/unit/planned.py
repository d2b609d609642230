"""Computers and models that the tests of the plan share."""

from __future__ import annotations

from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.schema import LoadPlan
from tests.fakes.headers import dense

GB = 1 << 30
LLAMA_8B = dense()  # about 8 GiB in Q8_0
MIXTRAL = dense(experts=8)  # about 46 GiB


def computer(
    memory: float = 64, *cards: float, free: float | None = None, cores: int = 8
) -> Computer:
    """A computer with so many GiB of memory, and cards with so many GiB."""
    total = round(memory * GB)
    return Computer(
        Processor(logical_cores=2 * cores, physical_cores=cores, performance_cores=cores),
        Memory(total, round(free * GB) if free is not None else total),
        tuple(
            Gpu(f"Card {number}", total=round(card * GB), free=round(card * GB), is_usable=True)
            for number, card in enumerate(cards)
        ),
    )


def told(made: LoadPlan, choice: str) -> str:
    return " ".join(reason.sentence for reason in made.reasons if reason.choice == choice)


def notices(made: LoadPlan) -> list[str]:
    return [reason.choice for reason in made.reasons if reason.is_notice]

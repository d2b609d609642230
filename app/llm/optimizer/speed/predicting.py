"""Foretells the speed of a plan on this computer, by what its devices were measured to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from app.llm.optimizer.room import used_cards
from app.llm.optimizer.speed import traffic
from app.llm.optimizer.speed.prediction import STATE_TYPE, predict
from app.llm.trials import Speed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.gguf import Header
    from app.llm.optimizer.machine.records import Computer
    from app.llm.optimizer.memory import LoadSettings
    from app.llm.rates import Rates

LEAST_SHARE = 0.02  # of the bytes; a type with less is taken to be like another one


class Book(Protocol):
    """Knows what the devices reach."""

    def rates(
        self,
        computer: str,
        threads: int,
        kinds: Iterable[str],
        heads: Iterable[int] = (),
        device: str = "",
        *,
        measures: bool = True,
    ) -> Rates | None:
        """What a device reaches; None where that is not known. May block while it measures."""
        ...


class KeptBook(Book, Protocol):
    """Keeps what it has found out."""

    def forget(self, computer: str) -> None:
        """Measures everything anew from now on."""
        ...


def predicted(
    book: Book,
    computer: Computer,
    header: Header,
    settings: LoadSettings,
    threads: tuple[int, int],
    *,
    measures: bool = True,
) -> Speed:
    """The tokens per second of a model; may block while something is measured.

    Args:
        book: what is known of the devices, and finds out the rest.
        computer: its facts.
        header: of the model's file.
        settings: how it is to be loaded.
        threads: those that write the answer, and those that read the prompt.
        measures: whether what is not known of the devices may be measured.
    """
    devices = traffic.of(header, settings)
    if not devices:
        return Speed()
    names = ["", *(card.device for card in used_cards(computer) if card.device)]
    found = {
        count: [
            book.rates(
                computer.fingerprint(),
                1 if name else count,
                _main_kinds(device),
                device.attended,
                name,
                measures=measures,
            )
            for name, device in zip(names, devices, strict=False)
        ]
        for count in dict.fromkeys(threads)
    }
    return predict(header, settings, found[threads[0]], found[threads[1]])


def _main_kinds(device: traffic.Traffic) -> list[str]:
    """The types that most of the bytes are of."""
    least = LEAST_SHARE * device.bytes
    kinds = {kind for kind, count in device.read.items() if count > least}
    return sorted(kinds | ({STATE_TYPE} if device.state > least else set()))

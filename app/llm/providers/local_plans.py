"""How this process loads its models: as suits the computer, the person, and what went before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING

from app import gguf, wording
from app.errors import ModelTooLarge
from app.llm.optimizer import stepping
from app.llm.optimizer.planning import Beside, measured, plan, settings_of
from app.llm.optimizer.room import NOTHING_RELEASED, Released, Room, room, used_cards
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.speed.predicting import KeptBook, predicted
from app.llm.optimizer.tuned import NOT_TUNED, Tuned
from app.llm.optimizer.tuning.candidates import Candidates
from app.llm.optimizer.tuning.search import Search
from app.llm.optimizer.wishes import NO_WISHES, Ceiling, Wishes
from app.llm.trials import Speed, Trial, Tuning

if TYPE_CHECKING:
    from app.gguf import Header
    from app.llm.optimizer.machine.records import Computer
    from app.llm.optimizer.memory import Estimate
    from app.llm.optimizer.remembered import Remembered
    from app.llm.optimizer.survey import Surveys
    from app.llm.optimizer.tuning.kept import KeptTunings
    from app.schema import Adapter, LoadPlan


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be loaded: a model's header, and those of its adapters."""

    header: Header
    adapters: tuple[tuple[Adapter, Header], ...] = ()
    weights_size: int = 0  # bytes of all parts of the model; 0: it is one file

    @classmethod
    def of(cls, header: Header, adapters: Sequence[Adapter] = ()) -> Subject:
        """A model on this disk, with adapters; looks for its parts, and reads the adapters.

        Raises:
            ModelError: an adapter cannot be read, or does not suit the model.
        """
        read = tuple((one, gguf.read_adapter(one.path, header)) for one in adapters)
        return cls(header, read, gguf.weights_size(header))

    @property
    def beside(self) -> Beside:
        """What is loaded with the model."""
        return Beside(self.adapters, weights_size=self.weights_size)


class LocalPlans:
    """Plans for loads, each smaller than the one that failed; each method may block."""

    def __init__(
        self,
        survey: Surveys,
        remembered: Remembered,
        wishes: Callable[[str], Wishes] = lambda _model: NO_WISHES,
        tunings: KeptTunings | None = None,
        book: KeptBook | None = None,
    ) -> None:
        """`wishes` gives what the person wants of a model, by its path.

        `tunings` has what was measured to be fastest, and `book` what the devices reach.
        """
        self._survey = survey
        self._remembered = remembered
        self._wishes = wishes
        self._tunings = tunings
        self._book = book

    def made(
        self,
        subject: Subject,
        released: Released = NOTHING_RELEASED,
        wishes: Wishes | None = None,
    ) -> LoadPlan:
        """The plan for a load now; `wishes` stand in for those that are kept. Raises ModelError."""
        computer = self._survey.now()
        ceiling = self._remembered.ceiling(subject.header, computer.fingerprint())
        return self._plan(computer, subject, released, ceiling, wishes)

    def search(
        self, subject: Subject, loaded: LoadPlan, released: Released, left: Callable[[], float]
    ) -> Search:
        """The search for what is fastest, from the plan as it would be without one.

        Args:
            subject: the model, which is loaded.
            loaded: how it is loaded.
            released: the memory that it takes.
            left: gives the seconds that remain.

        Raises:
            ModelError: it does not fit any more.
        """
        computer = self._survey.now()
        wishes, header = self.wishes(subject), subject.header
        ceiling = self._remembered.ceiling(header, computer.fingerprint())
        untuned = plan(computer, header, wishes, subject.beside, released=released, ceiling=ceiling)
        planned = replace(untuned, reasons=(), extra_buffers=loaded.extra_buffers)
        if planned.n_gpu_layers == loaded.n_gpu_layers:
            # The shares by free memory are a little different at each moment.
            planned = replace(planned, tensor_split=loaded.tensor_split)
        most, space = self.estimate(subject, planned), room(computer, released)
        return Search(
            planned,
            Candidates(
                computer.processor,
                Shape.of(header),
                wishes,
                has_cards=bool(used_cards(computer)),
                fits=lambda made: _is_within(self.estimate(subject, made), most, space),
            ),
            left,
            lambda made: self.predicted(subject, made),
        )

    def keep(self, subject: Subject, trials: tuple[Trial, ...], kept: int) -> Tuning | None:
        """Remembers the outcome of a search; None where nothing could be measured."""
        if not trials or self._tunings is None:
            return None
        tuning = Tuning(
            model=str(subject.header.path),
            engine=self._tunings.engine,
            computer=self._survey.now().fingerprint(),
            day=datetime.now().astimezone().date().isoformat(),
            trials=trials,
            kept=kept,
        )
        self._tunings.keep(subject.header, tuning)
        return tuning

    def predicted(self, subject: Subject, made: LoadPlan, *, measures: bool = True) -> Speed:
        """How fast a plan will be; blocks for a second or two where something is measured.

        Without `measures` it tells what it can by what is known.
        """
        if self._book is None:
            return Speed()
        return predicted(
            self._book,
            self._survey.now(),
            subject.header,
            settings_of(made),
            (made.n_threads, made.n_threads_batch),
            measures=measures,
        )

    def forget_rates(self) -> None:
        """Measures anew what this computer reaches, when it is next asked for."""
        if self._book is not None:
            self._book.forget(self._survey.now().fingerprint())

    def room(self, released: Released = NOTHING_RELEASED) -> Room:
        """What a load may take now."""
        return room(self._survey.now(), released)

    def lower(
        self, subject: Subject, failed: LoadPlan, ceiling: Ceiling | None = None
    ) -> tuple[LoadPlan, Ceiling] | None:
        """The plan after one that failed for want of memory; None where nothing is left to try.

        `ceiling` is that of the failed plan, if it came from here. Raises ModelError.
        """
        computer = self._survey.now()
        known = ceiling or self._remembered.ceiling(subject.header, computer.fingerprint())
        lower = stepping.lower(failed, subject.header, known)
        if lower is None:
            return None
        return self._plan(computer, subject, NOTHING_RELEASED, lower), lower

    def worked(self, subject: Subject, ceiling: Ceiling) -> None:
        """Remembers that a plan within this was loaded after something larger had failed."""
        self._remembered.keep(subject.header, self._survey.now().fingerprint(), ceiling)

    def wishes(self, subject: Subject) -> Wishes:
        """What the person wants of a model."""
        return self._wishes(str(subject.header.path))

    def require_room(self, subject: Subject, loaded: LoadPlan, tokens: int) -> None:
        """Checks that a context of so many tokens has room beside a loaded model.

        Raises:
            ModelTooLarge: it has not, with the figures.
        """
        taken = self.estimate(subject, loaded).total
        wanted = self.estimate(subject, replace(loaded, n_ctx=tokens)).total
        space = room(self._survey.now())
        free = space.free + sum(card.free for card in space.gpus)
        more = wanted - subject.header.weights_size  # the weights are there already
        if more > free:
            raise ModelTooLarge(
                f"{tokens:,} tokens take {wording.size(more)} beside the model, and "
                f"{wording.size(free)} are free.",
                f"Take fewer; the model itself takes {wording.size(taken)}.",
            )

    def estimate(self, subject: Subject, made: LoadPlan) -> Estimate:
        """What a plan takes."""
        return measured(subject.header, subject.beside, settings_of(made))

    def tuning(self, header: Header) -> Tuning | None:
        """What was found to be fastest for a model here, and holds now."""
        if self._tunings is None:
            return None
        return self._tunings.tuning(header, self._survey.now().fingerprint())

    def tuned(self, header: Header, computer: Computer) -> Tuned:
        """What of a model's plan was found to be fastest."""
        known = self._tunings and self._tunings.tuning(header, computer.fingerprint())
        return Tuned.by(known) if known else NOT_TUNED

    def older_tuning(self, header: Header) -> Tuning | None:
        """What was found with another llama.cpp, driver or computer, where nothing holds now."""
        if self._tunings is None:
            return None
        return self._tunings.older(header, self._survey.now().fingerprint())

    def forget_tuning(self, header: Header) -> None:
        """Plans as if the model had never been tuned."""
        if self._tunings is not None:
            self._tunings.forget(header)

    def keep_tuning(self, header: Header, tuning: Tuning) -> None:
        """Plans with a tuning, such as one that was forgotten by mistake."""
        if self._tunings is not None:
            self._tunings.keep(header, tuning)

    def _plan(
        self,
        computer: Computer,
        subject: Subject,
        released: Released,
        ceiling: Ceiling,
        wishes: Wishes | None = None,
    ) -> LoadPlan:
        if wishes is None:
            wishes = self._wishes(str(subject.header.path))
        return plan(
            computer,
            subject.header,
            wishes,
            subject.beside,
            released=released,
            ceiling=ceiling,
            tuned=self.tuned(subject.header, computer),
        )


def _is_within(taken: Estimate, planned: Estimate, space: Room) -> bool:
    """Whether there is room on each device, or no more is taken there than by the plan."""
    memory, before = (one.total if space.is_unified else one.cpu.total for one in (taken, planned))
    cards = [card.free for card in space.gpus]
    cards = [max(both) for both in zip_longest(cards, _on_cards(planned), fillvalue=0)]
    found = _on_cards(taken)
    return (
        memory <= max(before, space.free)
        and len(found) <= len(cards)
        and all(use <= most for use, most in zip(found, cards, strict=False))
    )


def _on_cards(estimate: Estimate) -> list[int]:
    return [gpu.total for gpu in estimate.gpus]


def _fits(estimate: Estimate, space: Room) -> bool:
    """Whether there is room on every device."""
    on_cards = zip(estimate.gpus, space.gpus, strict=False)
    return estimate.cpu.total <= space.total and all(
        use.total <= card.free for use, card in on_cards
    )


def notice_of(made: LoadPlan) -> str:
    """What the person is told of a plan: where something is less than was wanted."""
    return " ".join(reason.sentence for reason in made.reasons if reason.is_notice)

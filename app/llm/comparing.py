"""Several models beside each other, each loaded in several ways: whether it fits, and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import HearthError
from app.llm import wished
from app.llm.load_ways import WAYS, Varied, Way
from app.llm.optimizer import purpose
from app.llm.optimizer.planning import measured, settings_of, usual_context
from app.llm.optimizer.room import NOTHING_RELEASED, Released, room
from app.llm.trials import NO_SPEED, Speed
from app.schema import ModelRef

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Computer
    from app.llm.trials import Tuning
    from app.llm.workbench import Outlook, Workbench
    from app.schema import LoadedModel, LoadPlan

LOCAL = "local"  # the provider of files in this process
FITS = "It fits as it is wanted."
NOT_KNOWN = "It is not known for how long a context this model was trained; this is the usual one."
# What decides how fast an answer is written, and how fast a prompt is read.
BOTH = ("n_gpu_layers", "cpu_expert_layers", "type_k", "type_v", "flash_attention")
WRITING = ("n_threads", *BOTH)
READING = ("n_threads_batch", "n_batch", "n_ubatch", *BOTH)

OpenBench = Callable[[ModelRef, "LoadedModel | None"], "Workbench"]
FindTuning = Callable[["Workbench"], "Tuning | None"]


class Fits(StrEnum):
    """Whether a model can be loaded in a way."""

    WANTED = "wanted"
    SMALLER = "smaller"  # with less than is wanted
    CROWDED = "crowded"  # only when other programs are closed
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Cell:
    """A model loaded in one way."""

    way: Way
    outlook: Outlook
    fits: Fits
    sentence: str  # that says so, with the numbers where they matter
    is_context_less: bool = False  # than is wanted
    is_cache_other: bool = False  # than is wanted
    layers: tuple[int, int] | None = None  # on graphics cards, of so many; None: there are none
    measured: Speed = NO_SPEED
    is_loaded: bool = False  # it is in memory in just this way

    @property
    def made(self) -> LoadPlan | None:
        """The plan; None where there is no room for any."""
        return self.outlook.made

    @property
    def predicted(self) -> Speed:
        """As it is foretold."""
        return self.outlook.speed

    @property
    def total(self) -> int:
        """Bytes on all devices; of what is wanted, where there is no room for it."""
        return sum(use.total for use in self.outlook.memory)

    @property
    def rate(self) -> float | None:
        """Tokens per second of an answer: as measured, else as foretold; None: not known."""
        return self.measured.generation or self.predicted.generation


@dataclass(frozen=True, slots=True)
class Row:
    """A model in all ways that were asked for, or the sentence on why it cannot be loaded."""

    path: str
    name: str
    problem: str = ""
    cells: Mapping[Way, Cell] = field(default_factory=dict)

    def with_more(self, later: Row) -> Row:
        """With what was reckoned later."""
        return replace(later, cells={**self.cells, **later.cells})


class Comparing:
    """Reckons rows at the computer of this moment; the methods of a bench and of a file block."""

    def __init__(
        self,
        open_bench: OpenBench,
        computer: Callable[[], Computer],
        loaded: LoadedModel | None,
        tuned: FindTuning = lambda _bench: None,
        *,
        measures: bool = False,
    ) -> None:
        """`loaded` is what this process has in memory, which another model's load gives back.

        With `measures` it is measured what the computer reaches, where that is not known, so that
        speeds can be foretold; that takes two seconds.
        """
        self._open = open_bench
        self._computer = computer
        self._loaded = loaded if loaded is not None and loaded.plan is not None else None
        self._tuned = tuned
        self._measures = measures
        self._learned: set[str] = set()  # models for which it has been measured
        self._released: Released | None = None

    def free(self) -> int:
        """Bytes that a load may take now, on all devices; may block."""
        space = room(self._computer(), self._given_back())
        cards = 0 if space.is_unified else sum(card.free for card in space.gpus)
        return space.free + cards

    async def rows(
        self, paths: Iterable[str], ways: Sequence[Way] = WAYS
    ) -> AsyncGenerator[Row, None]:
        """A row for each model file, as it comes; what blocks is done on a thread."""
        for path in paths:
            yield await asyncio.to_thread(self.row, path, ways)

    def row(self, path: str, ways: Sequence[Way] = WAYS) -> Row:
        """One model in these ways; blocks for some hundredths of a second, and longer with cards.

        What cannot be read, or cannot chat, gets its sentence.
        """
        try:
            bench = self._bench(path)
            purpose.require_chat(bench.subject.header)
            tuning = self._tuned(bench)
            cells = {way: self._cell(bench, way, tuning) for way in ways}
        except HearthError as error:
            return Row(path, Path(path).name, problem=str(error))
        return Row(path, bench.name, cells=cells)

    def _bench(self, path: str) -> Workbench:
        ref, loaded = ModelRef(LOCAL, path), self._loaded
        if loaded is not None and loaded.plan is not None:
            if Path(loaded.plan.path) == Path(path).absolute():
                return self._open(ref, loaded)
            return replace(self._open(ref, None), released=self._given_back())
        return self._open(ref, None)

    def _given_back(self) -> Released:
        """By the loaded model, where another one is loaded in its place."""
        if self._released is None:
            self._released = NOTHING_RELEASED
            if self._loaded is not None:
                self._released = _taken(self._open, self._loaded)
        return self._released

    def _cell(self, bench: Workbench, way: Way, tuning: Tuning | None) -> Cell:
        outlook = self._foretold(bench, bench.outlook(way.wanted(bench)))
        made = outlook.made
        if made is None:
            return Cell(way, outlook, Fits.NEVER, " ".join(outlook.warnings))
        less, other = _is_context_less(bench, outlook), _is_cache_other(outlook)
        fits = _fits(bench, outlook, is_less=less or other)
        total, cards = bench.limits.layers, bench.limits.cards
        count = made.n_gpu_layers if 0 <= made.n_gpu_layers < total else total
        return Cell(
            way,
            outlook,
            fits,
            _sentence(bench, way, outlook, fits),
            is_context_less=less,
            is_cache_other=other,
            layers=(count, total) if cards else None,
            measured=_measured(tuning, made),
            is_loaded=bench.is_loaded and not outlook.differs,
        )

    def _foretold(self, bench: Workbench, outlook: Outlook) -> Outlook:
        """With its speed, where no more is missing for it than a measurement."""
        made = outlook.made
        if made is None or outlook.speed.generation is not None:
            return outlook
        if not self._measures or bench.path in self._learned:
            return outlook
        self._learned.add(bench.path)
        bench.learn(made)
        return replace(outlook, speed=bench.predict(made, measures=False))


def _taken(open_bench: OpenBench, loaded: LoadedModel) -> Released:
    try:
        return Released.by(open_bench(loaded.info.ref, loaded).taken())
    except HearthError:  # its file has gone since
        return NOTHING_RELEASED


def _is_context_less(bench: Workbench, outlook: Outlook) -> bool:
    wanted = outlook.wanted.context
    if wanted is None:
        wishes = wished.over_all(outlook.wanted, bench.general)
        wanted = usual_context(bench.subject.header, wishes)
    return outlook.made is not None and outlook.made.n_ctx < wanted


def _is_cache_other(outlook: Outlook) -> bool:
    made, wanted = outlook.made, outlook.wanted
    if made is None:
        return False
    pairs = ((wanted.type_k, made.type_k), (wanted.type_v, made.type_v))
    is_refused = any(one is not None and one.lower() != kind for one, kind in pairs)
    return is_refused or any(one.is_notice and one.choice == "type_k" for one in made.reasons)


def _fits(bench: Workbench, outlook: Outlook, *, is_less: bool) -> Fits:
    made = outlook.made
    if made is None or not outlook.fits:
        return Fits.NEVER
    # As the plan was made: mapped weights count otherwise, once it is known that they are.
    settings = replace(settings_of(made), use_mmap=False)
    taken = measured(bench.subject.header, bench.subject.beside, settings)
    space = room(bench.computer, bench.released)
    if (taken.total if space.is_unified else taken.cpu.total) > space.free:
        return Fits.CROWDED
    return Fits.SMALLER if is_less or any(one.is_notice for one in made.reasons) else Fits.WANTED


def _sentence(bench: Workbench, way: Way, outlook: Outlook, fits: Fits) -> str:
    said = list(outlook.warnings)
    if fits is Fits.WANTED:
        said.insert(0, FITS)
    if way.varied is Varied.CONTEXT and not (way.context or bench.limits.trained_context):
        said.append(NOT_KNOWN)
    return " ".join(said)


def _measured(tuning: Tuning | None, made: LoadPlan) -> Speed:
    """As fast as a model was measured to be in this way, whatever its context."""
    speed = NO_SPEED
    for trial in tuning.trials if tuning is not None else ():
        if trial.generation is not None and _is_alike(trial.plan, made, WRITING):
            speed = replace(speed, generation=trial.generation.rate or None)
        if trial.prompt is not None and _is_alike(trial.plan, made, READING):
            speed = replace(speed, prompt=trial.prompt.rate or None)
    return speed


def _is_alike(one: LoadPlan, other: LoadPlan, fields: Sequence[str]) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in fields)

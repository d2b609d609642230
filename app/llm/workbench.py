"""One model on the computer of this moment: how it is loaded, and how it could be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app import wording
from app.errors import ModelTooLarge
from app.llm import plan_words, wished
from app.llm.optimizer.memory import CACHE_TYPES
from app.llm.optimizer.planning import measured, plan, settings_of, wanted_settings
from app.llm.optimizer.room import Released, Room, room
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.tuned import NOT_TUNED, Tuned
from app.llm.trials import NO_SPEED, Speed
from app.settings import WishSetting

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Computer
    from app.llm.optimizer.memory import Estimate
    from app.llm.optimizer.wishes import Ceiling, Wishes
    from app.llm.plan_words import DeviceMemory, Line
    from app.llm.providers.local_plans import Subject
    from app.schema import LoadPlan, ModelRef

FULL = 0.9  # of what is free; beyond it the person is warned
WHOLE_TYPES = ("f32", "f16", "bf16")  # of a KV cache that no blocks are needed for
# What decides whether a load would differ; a share by free memory differs at every moment.
COMPARED = (
    "n_ctx", "n_threads", "n_threads_batch", "n_batch", "n_ubatch", "n_gpu_layers",
    "cpu_expert_layers", "type_k", "type_v", "flash_attention", "use_mlock",
)  # fmt: skip


class Predict(Protocol):
    """Foretells the speed of a plan."""

    def __call__(self, made: LoadPlan, /, *, measures: bool) -> Speed:
        """Without `measures` by what is known of the computer; else it may take two seconds."""
        ...


def nothing_foretold(_made: LoadPlan, *, measures: bool) -> Speed:  # noqa: ARG001 - as the protocol
    """For where nothing is known."""
    return NO_SPEED


@dataclass(frozen=True, slots=True)
class Limits:
    """What can be asked of a model here."""

    trained_context: int  # tokens; 0: not known
    layers: int  # of the model, the output layer among them
    expert_layers: int
    cards: tuple[str, ...]  # that can be used
    cache_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a model would be loaded if it were set so."""

    wanted: WishSetting
    made: LoadPlan | None  # None where it does not fit at all
    lines: tuple[Line, ...]  # none then
    memory: tuple[DeviceMemory, ...]
    warnings: tuple[str, ...]  # sentences with the numbers
    fits: bool
    differs: bool  # from what is loaded
    is_rough: bool  # the architecture is not known in detail
    speed: Speed = NO_SPEED  # that is foretold


@dataclass(frozen=True, slots=True)
class Workbench:
    """Everything that is reckoned with; nothing is read any more, and nothing is changed."""

    ref: ModelRef
    path: str  # by which its wishes are kept
    subject: Subject
    computer: Computer
    released: Released  # by what is loaded
    ceiling: Ceiling
    general: Wishes  # what is wanted of all models
    kept: WishSetting
    loaded: LoadPlan | None
    tuned: Tuned = NOT_TUNED
    predict: Predict = nothing_foretold

    @property
    def name(self) -> str:
        """The model's."""
        return self.subject.header.name

    @property
    def is_loaded(self) -> bool:
        """Whether it is in memory."""
        return self.loaded is not None

    @property
    def limits(self) -> Limits:
        """What can be asked of this model here."""
        shape = Shape.of(self.subject.header)
        return Limits(
            trained_context=self.subject.header.trained_context,
            layers=shape.layers,
            expert_layers=shape.expert_layers,
            cards=tuple(card.name for card in self._room().gpus),
            cache_types=tuple(CACHE_TYPES) if shape.may_quantise else WHOLE_TYPES,
        )

    def sheet(self) -> Sheet:
        """What is shown of it; takes some milliseconds."""
        return Sheet(self, self.limits, self.present(), self.outlook(WishSetting()))

    def present(self) -> Outlook:
        """How it is loaded; where it is not, how it would be with what is kept."""
        if self.loaded is None:
            return self.outlook(self.kept)
        estimate = self._measured(self.loaded)
        return Outlook(
            wanted=self.kept,
            made=self.loaded,
            lines=plan_words.lines(self.loaded),
            memory=plan_words.memory(estimate, self._room()),
            warnings=(),
            fits=True,
            differs=False,
            is_rough=estimate.is_rough,
            speed=self.predict(self.loaded, measures=False),
        )

    def learn(self, made: LoadPlan) -> bool:
        """Measures what this computer reaches where that is not known; it may take two seconds.

        Returns whether the speed of a plan can be foretold since.
        """
        if self.predict(made, measures=False).generation is not None:
            return False
        return self.predict(made, measures=True).generation is not None

    def outlook(self, wanted: WishSetting) -> Outlook:
        """How it would be loaded if it were set so; takes some milliseconds."""
        wishes = wished.over_all(wanted, self.general)
        header, beside, space = self.subject.header, self.subject.beside, self._room()
        wish = measured(
            header, beside, wanted_settings(header, self.tuned.over(wishes), self.ceiling, space)
        )
        try:
            made = plan(
                self.computer,
                header,
                wishes,
                beside,
                released=self.released,
                ceiling=self.ceiling,
                tuned=self.tuned,
            )
        except ModelTooLarge as error:
            return Outlook(
                wanted=wanted,
                made=None,
                lines=(),
                memory=plan_words.memory(wish, space),
                warnings=(f"{error.message} {error.remedy}",),
                fits=False,
                differs=self.is_loaded,
                is_rough=wish.is_rough,
            )
        estimate = self._measured(made)
        crowded = _overfull(estimate, space)
        told = [reason.sentence for reason in made.reasons if reason.is_notice]
        told = [*_short(wish, space), *told] if told else []
        return Outlook(
            wanted=wanted,
            made=made,
            lines=plan_words.lines(made),
            memory=plan_words.memory(estimate, space),
            warnings=(*told, *crowded) if told or crowded else _nearly_full(estimate, space),
            fits=not crowded,
            differs=self._differs(made, wanted),
            is_rough=estimate.is_rough,
            speed=self.predict(made, measures=False),
        )

    def taken(self) -> Estimate | None:
        """What the loaded model takes, and gives back before another load."""
        return self._measured(self.loaded) if self.loaded is not None else None

    def _measured(self, made: LoadPlan) -> Estimate:
        return measured(self.subject.header, self.subject.beside, settings_of(made))

    def _room(self) -> Room:
        return room(self.computer, self.released)

    def _differs(self, made: LoadPlan, wanted: WishSetting) -> bool:
        if self.loaded is None:
            return False
        fields = [
            *COMPARED,
            *(["use_mmap"] if wanted.use_mmap is not None else []),
            *(["tensor_split"] if wanted.tensor_split else []),
        ]
        return any(getattr(made, field) != getattr(self.loaded, field) for field in fields)


def _short(wish: Estimate, space: Room) -> tuple[str, ...]:
    """That what is wanted takes more than is free."""
    free = space.free if space.is_unified else space.free + sum(card.free for card in space.gpus)
    if wish.total <= free:
        return ()
    taken, has = wording.size(wish.total), wording.size(free)
    return (f"As it is set it would take {taken}, and {has} are free.",)


def _overfull(estimate: Estimate, space: Room) -> tuple[str, ...]:
    """The cards that have no room for what the person puts there."""
    return tuple(
        f"{card.name} would have to hold {wording.size(use.total)}, and "
        f"{wording.size(card.free)} are free there for it: put fewer layers on it."
        for use, card in zip(estimate.gpus, space.gpus, strict=False)
        if use.total > card.free
    )


def _nearly_full(estimate: Estimate, space: Room) -> tuple[str, ...]:
    """That little memory would be left."""
    taken = estimate.total if space.is_unified else estimate.cpu.total
    if taken <= FULL * space.free:
        return ()
    said = (
        f"This takes {wording.size(taken)} of the {wording.size(space.free)} that are free, and "
        "leaves little for other programs."
    )
    return (said,)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A model as it is shown, before anything is changed."""

    bench: Workbench
    limits: Limits
    present: Outlook
    own: Outlook  # with nothing wished for

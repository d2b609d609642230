"""What models would be on this computer: its facts as they are now, and the verdicts by them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import ModelError
from app.library import describing, shelf, verdicts
from app.library.catalog import USABLE
from app.library.hub import verdict
from app.library.records import Kind
from app.llm.optimizer import needs
from app.llm.optimizer.room import NOTHING_RELEASED, Released, room
from app.llm.optimizer.wishes import NO_WISHES, Wishes

if TYPE_CHECKING:
    from app.gguf import Header
    from app.library.hub.verdict import Judgement
    from app.library.records import HubModel, LibraryModel
    from app.library.shelf import ShelfModel
    from app.library.verdicts import Fit
    from app.llm.optimizer.machine.records import Computer
    from app.llm.optimizer.survey import Surveys

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judge:
    """This computer as it was at a look, and what is wanted of any model there."""

    computer: Computer
    wishes: Wishes = NO_WISHES
    released: Released = NOTHING_RELEASED  # by the loaded model, before another is loaded

    def memory(self) -> str:
        """How much there is, and the largest file that fits well."""
        largest = verdicts.largest(self.computer)
        return describing.memory(self.computer, largest)

    def fits(self, models: Iterable[LibraryModel]) -> Mapping[Path, Fit]:
        """Whether each of the library's models fits that can be loaded by itself."""
        return {
            model.path: verdicts.of_model(model, self.computer, self.released)
            for model in models
            if model.kind in USABLE
        }

    def on_shelf(self, models: Iterable[ShelfModel]) -> list[tuple[ShelfModel, Fit]]:
        """The recommendations in the order in which to consider them."""
        space = room(self.computer, self.released)
        return shelf.by_fit(models, space, self.computer.processor.usable_cores)

    @property
    def usual_context(self) -> int:
        """The tokens that a model is loaded with unless something else is asked for."""
        return needs.usual_tokens(self.wishes)

    def offered(
        self, model: HubModel, header: Header | None, context: int | None = None
    ) -> Judgement:
        """Whether a model of the Hub fits.

        Args:
            model: what would be fetched.
            header: of one of the same repository's chat models; none: its size alone tells.
            context: the tokens for which it is judged; those that are usual may become fewer.
        """
        if header is None or model.kind is not Kind.CHAT:
            return verdict.by_size(model.size, self.computer, self.released)
        wishes = self.wishes
        if context not in (None, self.usual_context):
            wishes = replace(wishes, context=context)
        return self._by_header(header, model.size, wishes, is_sibling=True)

    def own(self, model: HubModel, header: Header | None) -> Judgement:
        """The same by the model's own header."""
        if header is None:
            return verdict.by_size(model.size, self.computer, self.released)
        return self._by_header(header, model.size, self.wishes, is_sibling=False)

    def _by_header(
        self, header: Header, size: int, wishes: Wishes, *, is_sibling: bool
    ) -> Judgement:
        return verdict.by_header(
            header, size, self.computer, wishes, released=self.released, is_sibling=is_sibling
        )


class Judging:
    """Looks at this computer, which may block for two seconds the first time."""

    def __init__(
        self,
        survey: Surveys,
        wishes: Callable[[], Wishes] = lambda: NO_WISHES,
        released: Callable[[], Released] = lambda: NOTHING_RELEASED,
    ) -> None:
        """`wishes` are those for any model, and `released` is what the loaded one gives back.

        It may block and raise ModelError.
        """
        self._survey = survey
        self._wishes = wishes
        self._released = released

    def look(self) -> Judge:
        """The facts as they are now."""
        computer = self._survey.now()
        try:
            released = self._released()
        except ModelError as error:
            _LOG.info("what the loaded model gives back is not known: %s", error)
            released = NOTHING_RELEASED
        return Judge(computer, self._wishes(), released)

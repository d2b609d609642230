"""Asks the next model when the one before it cannot answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple

from app.errors import HearthError, NoModel
from app.llm.providers.policies.wrapper import is_answer
from app.schema import Chunk


class Candidate(NamedTuple):
    """A model that may answer: its name for the person, and what starts its stream."""

    name: str
    start: Callable[[], AsyncGenerator[Chunk, None]]


async def first_answer(candidates: Sequence[Candidate]) -> AsyncGenerator[Chunk, None]:
    """Streams from the first candidate that answers, and says which one it was and why.

    Raises:
        HearthError: the last one failed, or one failed after it had begun to answer.
        NoModel: there is no candidate.
    """
    reasons: list[str] = []
    for place, candidate in enumerate(candidates, 1):
        begun = False
        try:
            async with aclosing(candidate.start()) as chunks:
                async for chunk in chunks:
                    if not begun and (is_answer(chunk) or chunk.finish is not None):
                        begun = True
                        if reasons:
                            yield Chunk(notice=f"{candidate.name} answers. {' '.join(reasons)}")
                    yield chunk
        except HearthError as error:
            if begun or place == len(candidates):
                raise
            reasons.append(f"{candidate.name} could not: {error.message}")
        else:
            return
    raise NoModel("There is no model to ask.", "Name one.")

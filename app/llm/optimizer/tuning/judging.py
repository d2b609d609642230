"""Whether one way to load a model is faster than another, beyond what is chance. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.llm.trials import GENERATED, PROMPT, Runs, Trial

LEAST_NOISE, MOST_NOISE = 0.03, 0.15  # parts of a speed


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares the speeds, and the time of a usual turn: 512 tokens are read, 128 are written."""

    noise: float  # the part of a speed that is chance

    @classmethod
    def by(cls, trial: Trial) -> Judge:
        """As noisy as the runs of a trial were."""
        found = [_spread(runs) for runs in (trial.prompt, trial.generation) if runs is not None]
        return cls(min(MOST_NOISE, max(LEAST_NOISE, *found, 0.0)))

    def is_faster(self, one: Trial, other: Trial) -> bool:
        """Whether `one` is faster in something and slower in nothing, but for chance.

        In all it must not be slower either: a prompt that is read faster could cost more than that.
        """
        pairs = [
            (mine, theirs, tokens)
            for mine, theirs, tokens in (
                (one.prompt, other.prompt, PROMPT),
                (one.generation, other.generation, GENERATED),
            )
            if mine is not None and theirs is not None
        ]
        if not pairs or not all(mine.rate > 0 < theirs.rate for mine, theirs, _ in pairs):
            return False
        gains = [mine.rate / theirs.rate for mine, theirs, _ in pairs]
        if min(gains) < 1 - self.noise or max(gains) <= 1 + self.noise:
            return False
        mine_seconds = sum(tokens / mine.rate for mine, _, tokens in pairs)
        their_seconds = sum(tokens / theirs.rate for _, theirs, tokens in pairs)
        return mine_seconds <= their_seconds


def _spread(runs: Runs) -> float:
    """Twice the deviation, as a part of the mean."""
    return 2 * runs.deviation / runs.mean if runs.mean > 0 else 0.0


def joined(one: Runs | None, other: Runs | None) -> Runs | None:
    """The runs of both; they must be of the same test."""
    if one is None or other is None:
        return one or other
    return Runs(one.tokens, (*one.seconds, *other.seconds))

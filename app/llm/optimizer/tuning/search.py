"""The search for the fastest way to load a model. Pure: it says what to measure and is told.

One thing is changed after the other, from the best that is known; what is clearly slower gets no
second run. In the end the plan and the best are measured in turns once more, since a computer grows
warm and busy within a minute: a best that is not faster then is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.llm.optimizer.tuning import steps
from app.llm.optimizer.tuning.candidates import Candidate, Candidates
from app.llm.optimizer.tuning.judging import Judge, joined
from app.llm.optimizer.tuning.steps import Step
from app.llm.trials import Runs, Speed, Test, Trial

if TYPE_CHECKING:
    from app.llm.optimizer.tuning.steps import Asking, Given, Measured, Sized
    from app.schema import LoadPlan

PROMPTS = (16, 32, 64, 128, 256, 512, 1024, 2048)  # tokens of a prompt that may be measured
ANSWERS = (2, 4, 8, 16, 32, 64, 128)
NEARBY = 8  # times as many tokens may be measured as were looked at before
DEPTH = 1024  # tokens in the KV cache, where it is the cache that is tried
RUN_SECONDS = 0.6  # that one run should take, so that there is time for all that may be tried
RUNS = 3  # of a way that may be the fastest, and of the plan and the best in the end
AGAIN = "as before, with a full cache"

Predict = Callable[["LoadPlan"], Speed]
Offer = Callable[["LoadPlan"], Iterable[Candidate]]


@dataclass(frozen=True, slots=True)
class _Dimension:
    """One thing that is changed, and the tests that tell of it."""

    offer: Offer
    tests: tuple[Test, ...]
    is_place: bool = False  # each change takes another load


class Search:
    """One search; `trials` has what was tried so far."""

    def __init__(
        self,
        planned: LoadPlan,
        candidates: Candidates,
        left: Callable[[], float],
        predict: Predict = lambda _plan: Speed(),
    ) -> None:
        """`left` gives the seconds that remain, and `predict` the speed of a plan."""
        self.trials: list[Trial] = []
        self._planned = planned
        self._candidates = candidates
        self._left = left
        self._predict = predict
        self._prompt = Test(PROMPTS[0], is_prompt=True)
        self._answer = Test(ANSWERS[0], is_prompt=False)
        self._telling: tuple[Test, ...] = ()  # those that tell of what was found to be faster
        self._layers = planned.n_gpu_layers  # with which the model is loaded
        self._load = 0.0  # seconds that a load takes

    def run(self) -> Asking:
        """The whole search."""
        first = yield from self._first()
        if first is None:
            return (), 0
        judge = Judge.by(first)
        best, changes = self._planned, []
        for dimension in self._dimensions():
            winner = yield from self._best_of(dimension, best, judge)
            if winner is not None:
                best = winner.plan
                changes.append(winner.change)
                self._telling = self._together(dimension.tests)
        if not changes:
            return tuple(self.trials), 0
        return (yield from self._confirmed(best, ", ".join(changes), judge))

    def expected(self) -> int:
        """About how many ways will be tried, the plan and the end among them."""
        return 3 + sum(len(list(one.offer(self._planned))) for one in self._dimensions())

    def _first(self) -> Measured:
        """The plan itself, by tests of a size that suits this computer."""
        prompt = yield from self._sized(self._prompt, PROMPTS)
        answer = yield from self._sized(self._answer, ANSWERS)
        if not prompt or not answer:
            return None
        self._prompt = replace(self._prompt, tokens=prompt)
        self._answer = replace(self._answer, tokens=answer)
        return (yield from self._measured(Candidate("", self._planned), self._both))

    def _sized(self, test: Test, sizes: Sequence[int]) -> Sized:
        """The tokens that suit; 0 where nothing could be measured."""
        while True:
            runs = yield Step("", self._planned, test)
            if runs is None or not runs.rate:
                return 0
            fitting = [size for size in sizes if size / runs.rate <= RUN_SECONDS]
            tokens = max(fitting, default=sizes[0])
            if tokens <= NEARBY * test.tokens:
                return tokens
            test = replace(test, tokens=tokens)  # few tokens tell too little of many

    @property
    def _both(self) -> tuple[Test, ...]:
        return self._prompt, self._answer

    @property
    def _deep(self) -> Test:
        """An answer that looks back at many tokens, which is where the cache tells."""
        return replace(self._answer, depth=min(DEPTH, self._prompt.tokens))

    def _dimensions(self) -> list[_Dimension]:
        """What is changed, in the order of what it may bring."""
        offers, prompt, answer = self._candidates, (self._prompt,), (self._answer,)
        longest = self._prompt.tokens
        deep = (*prompt, self._deep)
        return [
            _Dimension(offers.gpu_layers, self._both, is_place=True),
            _Dimension(offers.threads, answer),
            _Dimension(offers.threads_batch, prompt),
            _Dimension(lambda plan: offers.steps(plan, longest), prompt),
            _Dimension(lambda plan: offers.batches(plan, longest), prompt),
            _Dimension(offers.flash_attention, deep),
            _Dimension(offers.caches, deep),
        ]

    def _best_of(self, dimension: _Dimension, plan: LoadPlan, judge: Judge) -> Measured:
        """The fastest change of one thing; None where none is faster."""
        offered = list(dimension.offer(plan))
        reference = self._known(plan, dimension.tests)
        if not offered or not self._has_time(dimension, plan):
            return None
        if reference is None:
            known = self._put_together(plan)
            reference = yield from self._measured(
                Candidate(AGAIN, plan), dimension.tests, prompt=known.prompt if known else None
            )
        best: Trial | None = None
        for candidate in offered:
            if reference is None or not self._has_time(dimension, plan):
                break
            trial = yield from self._measured(candidate, dimension.tests, best or reference)
            if trial is not None and judge.is_faster(trial, best or reference):
                best = trial
        return best

    def _known(self, plan: LoadPlan, tests: Sequence[Test]) -> Trial | None:
        """A trial of a plan by the same tests."""
        depth = max(test.depth for test in tests)
        for trial in reversed(self.trials):
            needed = [trial.prompt if test.is_prompt else trial.generation for test in tests]
            if trial.plan == plan and trial.depth == depth and None not in needed:
                return trial
        # What reads a prompt and what writes an answer are changed apart, and may be put together.
        return self._put_together(plan) if not depth else None

    def _put_together(self, plan: LoadPlan) -> Trial | None:
        prompt = generation = None
        for trial in self.trials:
            if trial.depth or trial.plan.n_gpu_layers != plan.n_gpu_layers:
                continue
            same_prompt = replace(trial.plan, n_threads=plan.n_threads) == plan
            prompt = trial.prompt if same_prompt and trial.prompt else prompt
            same_answer = trial.plan.n_threads == plan.n_threads
            generation = trial.generation if same_answer and trial.generation else generation
        return Trial("", plan, prompt, generation) if prompt or generation else None

    def _measured(
        self,
        candidate: Candidate,
        tests: Sequence[Test],
        best: Trial | None = None,
        prompt: Runs | None = None,
    ) -> Measured:
        """A trial, which is among `trials` from then on; None where it could not be measured.

        `prompt` is known already.
        """
        runs: dict[bool, Runs | None] = {True: prompt, False: None}
        for test in tests:
            if runs[test.is_prompt] is not None:
                continue
            once = replace(test, runs=1)
            step = Step(candidate.change, candidate.plan, once, steps.patience(test, best))
            found = yield from self._answered(step)
            if found is not None and not steps.is_hopeless(found, test, best):
                more = yield Step(candidate.change, candidate.plan, replace(test, runs=RUNS - 1))
                found = joined(found, more)
            runs[test.is_prompt] = found
            if found is None:
                return None
        depth = max(one.depth for one in tests)
        trial = self._trial(candidate, runs[True], runs[False], depth)
        self.trials.append(trial)
        return trial

    def _answered(self, step: Step) -> Given:
        """What a step gives; how long a load takes is remembered."""
        before, is_moved = self._left(), step.plan.n_gpu_layers != self._layers
        runs = yield step
        self._layers = step.plan.n_gpu_layers
        if is_moved:
            taken = before - self._left() - 2 * sum(runs.seconds if runs is not None else ())
            self._load = max(self._load, taken)
        return runs

    def _trial(
        self, candidate: Candidate, prompt: Runs | None, generation: Runs | None, depth: int = 0
    ) -> Trial:
        predicted = self._predict(candidate.plan)
        return Trial(candidate.change, candidate.plan, prompt, generation, predicted, depth)

    def _confirmed(self, best: LoadPlan, change: str, judge: Judge) -> Asking:
        """The plan and the best once more."""
        first, found = self.trials[0], dict[tuple[bool, bool], Runs | None]()
        for is_best, test in self._turns(best):
            plan = best if is_best else self._planned
            runs = yield from self._answered(Step(change, plan, replace(test, runs=1)))
            if runs is None:
                return tuple(self.trials), 0
            key = (is_best, test.is_prompt)
            found[key] = joined(found.get(key), runs)
        depth = max(test.depth for test in self._telling)
        # What nothing was changed for is as it was.
        planned, last = (
            self._trial(
                candidate,
                found.get((is_best, True), first.prompt),
                found.get((is_best, False), first.generation),
                depth,
            )
            for is_best, candidate in (
                (False, Candidate("", self._planned)),
                (True, Candidate(change, best)),
            )
        )
        others = [
            one
            for one in self.trials
            if one.plan not in (best, self._planned) or (one.change and one.depth != depth)
        ]
        self.trials = [planned, *others, last]
        is_kept = judge.is_faster(last, planned)
        return tuple(self.trials), len(self.trials) - 1 if is_kept else 0

    def _turns(self, best: LoadPlan) -> list[tuple[bool, Test]]:
        """Which of both is measured when: in turns, but where that would take a load each time."""
        turns = [(is_best, test) for is_best in (False, True) for test in self._telling]
        if best.n_gpu_layers == self._planned.n_gpu_layers:
            return turns * RUNS
        return [turn for turn in turns for _ in range(RUNS)]

    def _together(self, tests: Sequence[Test]) -> tuple[Test, ...]:
        """The tests that tell of these and of what was found: of each kind the deepest."""
        both = (*self._telling, *tests)
        return tuple(
            max((test for test in both if test.is_prompt is kind), key=lambda one: one.depth)
            for kind in (True, False)
            if any(test.is_prompt is kind for test in both)
        )

    def _has_time(self, dimension: _Dimension, plan: LoadPlan) -> bool:
        """Whether something else can be tried, and there is time for the end."""
        once = sum(map(self._seconds, self._together(dimension.tests)))
        moves = dimension.is_place or plan.n_gpu_layers != self._planned.n_gpu_layers
        return self._left() > 3 * RUNS * once + 3 * self._load * moves

    def _seconds(self, test: Test) -> float:
        """About how long a run takes, with the one before it that warms up."""
        first = self.trials[0]
        read, write = (
            sum(runs.seconds) / len(runs.seconds) if runs is not None else 0.0
            for runs in (first.prompt, first.generation)
        )
        if test.is_prompt:
            return 2 * read
        return write * (1 + 1 / test.tokens) + read * test.depth / self._prompt.tokens

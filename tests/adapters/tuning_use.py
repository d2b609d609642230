"""What the tests of tuning share: a model of this process, on a computer of a test's choosing."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from app import gguf
from app.errors import ModelTooLarge
from app.gguf import Header
from app.llm.manager import LLMManager
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.tuning.kept import KeptTunings
from app.llm.optimizer.wishes import NO_WISHES, Wishes
from app.llm.providers.local import LocalProvider
from app.llm.providers.local_plans import LocalPlans, Subject
from app.llm.registry import Registry
from app.llm.runner.interface import Loaded, OnProgress
from app.llm.runner.preflight import Preflight
from app.llm.runner.queued import QueuedRunner, create_engine
from app.llm.runner.worker import Worker
from app.llm.speedometer import Speedometer
from app.llm.trials import Test, Tuning, TuningProgress
from app.schema import Finish, LoadPlan, Message, ModelRef, Request, Role, Sampling

GB = 1 << 30
ENGINE = metadata.version("llama-cpp-python")
TWO_CORES = Computer(Processor(physical_cores=2, logical_cores=2), Memory(16 * GB, 12 * GB))
ONE_CORE = replace(TWO_CORES, processor=Processor(physical_cores=1, logical_cores=2))
WITH_CARD = Computer(
    TWO_CORES.processor,
    TWO_CORES.memory,
    (Gpu("Card", total=8 * GB, free=8 * GB, is_usable=True),),
)
Rate = Callable[[LoadPlan, Test], float]


def even(_plan: LoadPlan, test: Test) -> float:
    """As fast in whichever way it is loaded: so many tokens per second."""
    return 100.0 if test.is_prompt else 10.0


def faster(name: str, value: object) -> Rate:
    """Twice as fast where a plan has this."""
    return lambda plan, test: even(plan, test) * (2.0 if getattr(plan, name) == value else 1.0)


class Timed(QueuedRunner):
    """Runs everything, but says that it took as long as a test wants; and tells of each load."""

    rate: Rate | None = None  # None: as long as it really takes
    refuses: Callable[[LoadPlan], bool] = staticmethod(lambda _plan: False)
    stalls: Callable[[LoadPlan], bool] = staticmethod(lambda _plan: False)
    hold: asyncio.Event | None = None  # awaited before each load
    loads: list[LoadPlan]
    benched: list[LoadPlan]

    async def load(self, plan: LoadPlan, on_progress: OnProgress) -> Loaded:
        self.loads.append(plan)
        if self.hold is not None:
            await self.unload()
            await self.hold.wait()
        if self.refuses(plan):
            await self.unload()  # as a load that fails has done
            raise ModelTooLarge("There is not enough free memory.", "Choose a smaller model.")
        return await super().load(self._alone(plan), on_progress)

    async def bench(self, plan: LoadPlan, test: Test) -> AsyncGenerator[float, None]:
        self.benched.append(plan)
        async with aclosing(super().bench(self._alone(plan), test)) as runs:
            async for seconds in runs:
                if self.stalls(plan):
                    await asyncio.Event().wait()
                yield seconds if self.rate is None else test.tokens / self.rate(plan, test)

    def _alone(self, plan: LoadPlan) -> LoadPlan:
        """With one thread: several wait for each other by spinning, for long on busy cores."""
        return plan if self.rate is None else replace(plan, n_threads=1, n_threads_batch=1)


class Told:
    """The facts, as a test has them."""

    def __init__(self, known: Computer) -> None:
        self.known = known

    def now(self) -> Computer:
        return self.known

    def renew(self) -> Computer:
        return self.known


@dataclass
class Here:
    """A manager with one model of this process, and what it has done."""

    manager: LLMManager
    runner: Timed
    provider: LocalProvider
    ref: ModelRef
    data: Path
    computer: Computer
    wishes: Wishes
    reports: list[TuningProgress] = field(default_factory=list)

    @property
    def speedometer(self) -> Speedometer:
        return Speedometer(self.manager)

    async def begin(self, until: Callable[[TuningProgress], bool]) -> None:
        """As much of the search as is wanted."""
        async with aclosing(self.speedometer.tune(self.ref)) as reports:
            async for report in reports:
                self.reports.append(report)
                if until(report):
                    return

    async def tuned(self) -> Tuning:
        """The whole search."""
        await self.begin(until=lambda _report: False)
        tuning = self.reports[-1].tuning
        assert tuning is not None
        return tuning

    async def interrupted(
        self, at: Callable[[TuningProgress], bool], by: Callable[[], Awaitable[None]]
    ) -> None:
        """The whole search, in which something happens once."""
        has_happened = False
        async with aclosing(self.speedometer.tune(self.ref)) as reports:
            async for report in reports:
                self.reports.append(report)
                if at(report) and not has_happened:
                    has_happened = True
                    await by()

    async def answer(self, *texts: str) -> Finish:
        """A few words of the selected model."""
        roles = (Role.USER, Role.ASSISTANT)
        turns = tuple(Message(roles[at % 2], text) for at, text in enumerate(texts or ("hello",)))
        asked = Request(turns, sampling=Sampling(temperature=0, max_tokens=6))
        chunks = [chunk async for chunk in self.manager.stream(asked)]
        assert chunks[-1].finish is not None
        return chunks[-1].finish

    def afresh(self) -> LocalPlans:
        """As another start of the program would plan."""
        return planner(self.data, self.computer, self.wishes)

    def kept(self) -> Tuning | None:
        """What is on the disk for the model."""
        return self.afresh().tuning(self.header)

    @property
    def header(self) -> Header:
        """Of the model's file."""
        return gguf.read(Path(self.ref.model))

    def next_plan(self) -> LoadPlan:
        """How the model would be loaded next."""
        return self.afresh().made(Subject(self.header))


def planner(data: Path, computer: Computer, wishes: Wishes) -> LocalPlans:
    """Plans with what is kept in a folder."""
    return LocalPlans(
        Told(computer),
        Remembered(data / "plans.json", ENGINE),
        lambda _model: wishes,
        KeptTunings(data / "tuned.json", ENGINE),
    )


@asynccontextmanager
async def here(
    model: Path,
    data: Path,
    rate: Rate | None = even,
    computer: Computer = TWO_CORES,
    *,
    wishes: Wishes = NO_WISHES,
    seconds: float = 55.0,
) -> AsyncIterator[Here]:
    """A manager on a computer that is as fast as a test wants, with a real engine."""
    record = data / "preflight.json"  # repacked weights trap on some machines
    record.write_text(json.dumps({"engine": ENGINE, "extra_buffers": False}))
    passes = Preflight(record, [sys.executable, "-c", "print('{\"progress\": 1.0}')"])
    worker = Worker(create_engine)
    thread = threading.Thread(target=worker.run, name="runner")
    thread.start()
    runner = Timed(worker)
    runner.rate, runner.loads, runner.benched = rate, [], []
    plans = planner(data, computer, wishes)
    provider = LocalProvider(runner, passes, list, plans, tuning_seconds=seconds)
    manager = LLMManager(Registry({"local": provider}))
    ref = ModelRef("local", str(model))
    try:
        yield Here(manager, runner, provider, ref, data, computer, wishes)
    finally:
        runner.hold = None
        await manager.aclose()
        worker.stop()
        thread.join()

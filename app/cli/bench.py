"""`hearth bench`: how fast models read a prompt and write an answer, here and at servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import core as cores
from app import gguf, paths
from app.cli import bench_rows, bench_tables, bench_tuning, console, session
from app.cli.bench_rows import Place, Row
from app.cli.parser import EXIT_DONE, EXIT_FAILED
from app.errors import HearthError, ProviderError, UsageError
from app.library.stores import names
from app.llm import server_bench
from app.llm.providers.local import NAME as LOCAL
from app.llm.providers.local_plans import Subject
from app.llm.runner.queued import engine_build
from app.llm.server_bench import Report
from app.llm.speedometer import with_threads
from app.llm.trials import Test
from app.schema import ModelRef

if TYPE_CHECKING:
    import argparse

    from app.llm.trials import Tuning
    from app.schema import LoadedModel, LoadPlan

MOST = 1_000_000  # tokens of a test
CPU = "CPU"
OWN_NAMES = {"Metal": "MTL"}  # of back ends, as llama.cpp's benchmark has them


def run(options: argparse.Namespace) -> int:
    """Measures one model after the other; the code is 1 where one of them failed."""
    tests = _tests(options)
    return asyncio.run(_run(options, tests))


async def _run(options: argparse.Namespace, tests: Sequence[Test]) -> int:
    async with session.opened(paths.find(options.home)) as core:
        models = [(text, await _resolved(core, text)) for text in options.models]
        _check(options, [ref for _, ref in models if isinstance(ref, ModelRef)])
        bench = _Bench(core, tests, options.threads, is_tuning=options.tune)
        try:
            for text, ref in models:
                if isinstance(ref, ModelRef):
                    await bench.measure(ref)
                else:
                    bench.fail(Place(ModelRef(text.removesuffix(":"), ""), text, text), ref)
        finally:  # what was measured before an interruption is told as well
            console.show()
            _print(options, bench)
    return EXIT_FAILED if any(row.failure for row in bench.rows) else EXIT_DONE


def _tests(options: argparse.Namespace) -> tuple[Test, ...]:
    """What is to be measured. Raises UsageError."""
    for name, low in (("prompt", 0), ("generate", 0), ("repetitions", 1), ("threads", 1)):
        value = getattr(options, name)
        if value is not None and not low <= value <= MOST:
            raise UsageError(
                f"--{name} takes a number from {low} to {MOST:,}.", "Leave it out for the usual."
            )
    sizes = ((options.prompt, True), (options.generate, False))
    tests = tuple(
        Test(tokens, is_prompt=is_prompt, runs=options.repetitions)
        for tokens, is_prompt in sizes
        if tokens
    )
    if not tests:
        raise UsageError(
            "With 0 tokens of a prompt and 0 of an answer there is nothing to measure.",
            "Give --prompt or --generate another number.",
        )
    return tests


async def _resolved(core: cores.Core, text: str) -> ModelRef | ProviderError:
    """The model that is meant, or why its server does not tell. Raises NoModel."""
    try:
        return await cores.resolve(core, text)
    except ProviderError as error:
        return error


def _check(options: argparse.Namespace, refs: Sequence[ModelRef]) -> None:
    """Raises UsageError where an option means nothing for the models."""
    here = [ref for ref in refs if ref.provider == LOCAL]
    if options.tune and len(here) < len(options.models):
        theirs = next((str(ref) for ref in refs if ref.provider != LOCAL), options.models[0])
        raise UsageError(
            f"“{theirs}” runs at its server, which decides how: --tune cannot change that.",
            "Name model files of this computer alone, or leave --tune out.",
        )
    if options.threads is not None and not here:
        raise UsageError(
            "--threads is for models of this computer, and none of these is one.",
            "Name a model file, or leave --threads out.",
        )
    if options.threads is not None and options.tune:
        raise UsageError(
            "--tune looks for the number of threads by itself.", "Leave one of both out."
        )


class _Bench:
    """Measures models one after the other and keeps what came of it."""

    def __init__(
        self, core: cores.Core, tests: Sequence[Test], threads: int | None, *, is_tuning: bool
    ) -> None:
        self.rows: list[Row] = []
        self.tunings: dict[ModelRef, Tuning] = {}
        self._core = core
        self._tests = tests
        self._threads = threads
        self._is_tuning = is_tuning

    async def measure(self, ref: ModelRef) -> None:
        """Adds a row for each test, and one with a sentence where something failed."""
        failure: HearthError | None = None
        done: dict[Test, Report] = {}
        loaded: LoadedModel | None = None
        name = _name(ref)
        unsubscribe = self._core.manager.subscribe(
            lambda state: None if state.progress else console.show(f"Measuring {name}")
        )
        try:
            if self._is_tuning:
                await self._tune(ref)
            async with aclosing(self._reports(ref)) as reports:
                async for report in reports:
                    loaded = self._core.manager.state.loaded
                    done[report.asked] = report
                    runs = f"{report.asked.runs - report.left} of {report.asked.runs} runs"
                    console.show(f"Measuring {name}, {report.asked.name}: {runs}")
        except HearthError as error:
            failure = error
        finally:
            unsubscribe()
        place = await self._place(ref, loaded)
        await self._add(place, done.values(), loaded)
        if failure is not None:
            self.fail(place, failure)

    def fail(self, place: Place, error: HearthError) -> None:
        """Adds a row that says why there are no figures."""
        self.rows.append(Row(place, failure=str(error)))

    async def _tune(self, ref: ModelRef) -> None:
        async with aclosing(self._core.speedometer.tune(ref)) as reports:
            async for report in reports:
                doing = f": {report.trying}" if report.trying else ""
                console.show(f"Tuning {_name(ref)}, {report.fraction:.0%}{doing}")
                if report.tuning is not None:
                    self.tunings[ref] = report.tuning

    async def _reports(self, ref: ModelRef) -> AsyncGenerator[Report, None]:
        """Each test's runs so far, after each run."""
        core = self._core
        if ref.provider != LOCAL:
            async with aclosing(server_bench.bench(core.manager, ref, self._tests)) as reports:
                async for report in reports:
                    yield report
            return
        async with aclosing(core.speedometer.bench(ref, self._tests, self._threads)) as measured:
            async for test, runs in measured:
                yield Report(test, test, runs, left=test.runs - len(runs.seconds))

    async def _add(
        self, place: Place, reports: Iterable[Report], loaded: LoadedModel | None
    ) -> None:
        """A row for each test that came to its end."""
        for report in reports:
            if report.left:
                continue
            predicted = None
            if place.plan is not None and loaded is not None and not report.test.is_prompt:
                predicted = await asyncio.to_thread(self._predicted, loaded, place.plan)
            self.rows.append(Row(place, report.test, report.runs, report.is_estimate, predicted))

    async def _place(self, ref: ModelRef, loaded: LoadedModel | None) -> Place:
        """What is known of a model and of what runs it."""
        if ref.provider == LOCAL:
            return await asyncio.to_thread(self._here, ref, loaded)
        provider = self._core.manager.registry.made.get(ref.provider)
        if provider is None or loaded is None:
            return Place(ref, str(ref), provider.title if provider else ref.provider)
        health = await provider.health()
        return Place(
            ref=ref,
            name=str(ref),
            device=provider.title,
            backend=provider.title,
            engine=health.version,
            description=ref.model,
            size=loaded.info.size,
            parameters=loaded.info.parameters,
        )

    def _here(self, ref: ModelRef, loaded: LoadedModel | None) -> Place:
        if loaded is None or loaded.plan is None or loaded.weights is None:
            return Place(ref, _name(ref), CPU if loaded else "")
        build = engine_build()
        backends = [OWN_NAMES.get(name, name) for name in build.backends] if build else []
        return Place(
            ref=ref,
            name=loaded.info.name,
            device=loaded.device,
            backend=",".join(name for name in backends if name not in (CPU, "RPC")) or CPU,
            engine=build.version if build else "",
            description=loaded.weights.description,
            size=loaded.weights.size,
            parameters=loaded.weights.parameters,
            plan=with_threads(loaded.plan, self._threads),
        )

    def _predicted(self, loaded: LoadedModel, plan: LoadPlan) -> float | None:
        """Tokens per second of an answer, where they can be foretold."""
        try:
            header = gguf.read(plan.path)
            subject = Subject.of(header, loaded.adapters)
        except HearthError:  # the file has gone meanwhile
            return None
        return self._core.plans.predicted(subject, plan).generation


def _name(ref: ModelRef) -> str:
    """A model's name while nothing else is known of it."""
    return Path(ref.model).stem if ref.provider == LOCAL else str(ref)


def _print(options: argparse.Namespace, bench: _Bench) -> None:
    rows, tunings = bench.rows, bench.tunings
    if options.json or options.md:
        for row in rows:
            if row.failure:
                console.say(f"hearth: {names.readable(row.failure)}")
    if options.json:
        if rows:
            console.print_json([_as_json(row, tunings.get(row.place.ref)) for row in rows])
        return
    tables = bench_tuning.markdown if options.md else bench_tuning.table
    for tuning in tunings.values():
        for line in (*tables(tuning), ""):
            print(line)
    if not rows:
        return
    is_given = options.threads is not None
    made = bench_tables.markdown(rows, with_threads=is_given) if options.md else None
    for line in made or bench_tables.table(rows):
        print(line)


def _as_json(row: Row, tuning: Tuning | None) -> dict[str, Any]:
    made = bench_rows.as_json(row)
    return made if tuning is None else {**made, "tuning": bench_tuning.as_json(tuning)}

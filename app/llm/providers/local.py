"""Models in this process: GGUF files through the runner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from app import gguf
from app.errors import ModelTooLarge, NoModel
from app.llm.optimizer import purpose
from app.llm.optimizer.memory import Estimate
from app.llm.optimizer.room import NOTHING_RELEASED, Released
from app.llm.optimizer.wishes import Ceiling
from app.llm.providers import local_tuning
from app.llm.providers.embedding import EmbeddingModel
from app.llm.providers.local_plans import LocalPlans, Subject, notice_of
from app.llm.providers.wire.thinking import Thinking
from app.llm.runner.interface import Loaded, Runner
from app.llm.runner.preflight import Preflight
from app.llm.trials import Test, TuningProgress
from app.schema import (
    Adapter,
    Chunk,
    Health,
    LoadedModel,
    LoadPlan,
    LoadProgress,
    LoadStage,
    ModelInfo,
    ModelRef,
    Request,
    TokenCount,
)

NAME = "local"
_LOG = logging.getLogger(__name__)


class LocalProvider:
    """One chat model at a time, and one for embedding; a model's name is the path of its file."""

    title = "This computer"

    def __init__(
        self,
        runner: Runner,
        preflight: Preflight,
        files: Callable[[], Sequence[ModelInfo]],
        plans: LocalPlans,
        adapters: Callable[[str], Sequence[Adapter]] = lambda _model: (),
        used: Callable[[Path], None] = lambda _path: None,
        tuning_seconds: float = local_tuning.SECONDS,
    ) -> None:
        """Takes the runner, the trial of new files, and the list of files (which may block).

        `plans` says how a file is loaded, and `adapters` gives the LoRA adapters that are to be
        loaded with a model. `used` is told of each file that was loaded; it may block. A search
        for what is fastest takes no longer than `tuning_seconds`.
        """
        self._runner = runner
        self._preflight = preflight
        self._files = files
        self._adapters = adapters
        self._plans = plans
        self._used = used
        self._tuning_seconds = tuning_seconds
        self._loaded: str | None = None
        self._estimate: Estimate | None = None  # of what is loaded
        self._plan: LoadPlan | None = None  # likewise
        self._loading = asyncio.Lock()
        self._embedding = EmbeddingModel(preflight, self._loading)

    @property
    def loaded(self) -> str | None:
        """The file that is loaded."""
        return self._loaded

    async def list_models(self) -> Sequence[ModelInfo]:
        """The model files on this disk."""
        return await asyncio.to_thread(self._files)

    async def load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        """Loads a file in place of the loaded one, which is kept if the file is no chat model."""
        async with self._loading:
            return await self._load(model, on_progress)

    async def _load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        subject = await asyncio.to_thread(self._read, model)
        # What is too large is refused while the present model is still there.
        await asyncio.to_thread(self._plans.made, subject, self._released())
        await self._unload_chat()
        if not self._embedding.is_busy:
            await self._embedding.unload()
        made = await asyncio.to_thread(self._plans.made, subject)  # with what is free now
        made = await self._preflight.check(
            made, lambda fraction: on_progress(LoadProgress(LoadStage.CHECKING, fraction))
        )
        made, loaded = await self._step_down(subject, made, on_progress)
        self._loaded, self._plan = model, made
        self._estimate = await asyncio.to_thread(self._plans.estimate, subject, made)
        await asyncio.to_thread(self._used, subject.header.path)
        return LoadedModel(
            info=describe(subject.header),
            context=loaded.context,
            threads=made.n_threads,
            device=loaded.device,
            notice=" ".join(filter(None, (notice_of(made), loaded.notice))),
            adapters=made.adapters,
            plan=made,
            memory=self._estimate.total,
            weights=loaded.weights,
        )

    async def _step_down(
        self, subject: Subject, made: LoadPlan, on_progress: Callable[[LoadProgress], None]
    ) -> tuple[LoadPlan, Loaded]:
        """Loads with the plan, or with smaller ones while memory does not suffice."""
        failed: ModelTooLarge | None = None
        ceiling: Ceiling | None = None
        while True:
            try:
                loaded = await self._runner.load(made, on_progress)
            except ModelTooLarge as error:
                failed = failed or error
                smaller = await asyncio.to_thread(self._plans.lower, subject, made, ceiling)
                if smaller is None:
                    raise failed from error
                _LOG.info("%s: loading it smaller: %s", error, smaller)
                made, ceiling = replace(smaller[0], extra_buffers=made.extra_buffers), smaller[1]
            else:
                if ceiling is not None:
                    await asyncio.to_thread(self._plans.worked, subject, ceiling)
                return made, loaded

    def _released(self) -> Released:
        """The memory that the loaded model gives back."""
        return Released.by(self._estimate) if self._loaded else NOTHING_RELEASED

    def _read(self, model: str) -> Subject:
        """The headers of a model and of its adapters. Raises ModelError."""
        header = gguf.read(Path(model).absolute())
        return Subject.of(header, self._adapters(model))

    async def unload(self) -> None:
        """Gives the memory back, once the answers that wait have ended."""
        await self._unload_chat()
        await self._embedding.unload()

    async def _unload_chat(self) -> None:
        self._loaded = self._plan = None
        await self._runner.unload()

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer of the loaded model."""
        self._require(model)
        thinking = Thinking()
        async with aclosing(self._runner.generate(request)) as chunks:
            async for chunk in chunks:
                if request.raw is not None or (not chunk.text and chunk.finish is None):
                    yield chunk
                    continue
                split = thinking.feed(chunk.text) if chunk.text else thinking.end()
                if split.text or split.reasoning or chunk.tokens:
                    yield Chunk(split.text, chunk.tokens, reasoning=split.reasoning)
                if chunk.finish is not None:
                    yield chunk

    async def bench(
        self, model: str, test: Test, plan: LoadPlan | None = None
    ) -> AsyncGenerator[float, None]:
        """The seconds of each run of a test, with the settings that the model was loaded with.

        `plan` stands in for those.

        Raises:
            NoModel: the model is not loaded.
            ModelTooLarge: the test's tokens have no room beside it.
            GenerationError: llama.cpp failed.
        """
        self._require(model)
        made = plan or self._plan
        assert made is not None  # noqa: S101 - what is loaded has one
        if (tokens := test.depth + test.tokens) > made.n_ctx:
            subject = await asyncio.to_thread(self._read, model)
            await asyncio.to_thread(self._plans.require_room, subject, made, tokens)
        async with aclosing(self._runner.bench(made, test)) as runs:
            async for seconds in runs:
                yield seconds

    async def tune(self, model: str) -> AsyncGenerator[TuningProgress, None]:
        """Searches for up to a minute for what is fastest; closing the generator ends it.

        Raises:
            NoModel: the model is not loaded, or was unloaded meanwhile.
            GenerationError: it could not be measured.
        """
        self._require(model)
        subject = await asyncio.to_thread(self._read, model)
        loaded = self._plan
        assert loaded is not None  # noqa: S101 - what is loaded has one

        async def reload(plan: LoadPlan) -> None:
            async with self._loading:
                self._require(model)
                self._plan = None
                await self._runner.load(plan, lambda _progress: None)
                self._plan = plan

        def bench(test: Test, plan: LoadPlan) -> AsyncGenerator[float, None]:
            return self.bench(model, test, plan)

        tuning = local_tuning.LocalTuning(
            bench, self._plans, subject, loaded, reload, self._tuning_seconds
        )
        try:
            async with aclosing(tuning.run(self._released())) as reports:
                async for report in reports:
                    yield report
        finally:
            if self._plan is None and self._loaded == model:
                self._loaded = None  # it could not be put back; who asks it loads it anew

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """The prompt's tokens, by the model's own tokenizer."""
        self._require(model)
        return TokenCount(await self._runner.count_tokens(request))

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text, by the chat model or by any other file.

        Raises:
            ModelError: the file cannot be used for this.
            GenerationError: a text is too long, or llama.cpp failed.
        """
        if model == self._loaded:
            return await self._runner.embed(texts)
        return await self._embedding.embed(model, texts)

    async def health(self) -> Health:
        """It is part of this program."""
        return Health(works=True)

    async def aclose(self) -> None:
        """Unloads; the runner's thread belongs to whoever made it."""
        await self._embedding.aclose()
        await self._unload_chat()

    def _require(self, model: str) -> None:
        if self._loaded != model:
            raise NoModel("This model is not loaded.", "Load it first.")


def describe(header: gguf.Header) -> ModelInfo:
    """A file's header as the program's other parts see it."""
    return ModelInfo(
        ref=ModelRef(NAME, str(header.path)),
        name=header.name,
        size=header.file_size,
        quantisation=header.quantisation,
        architecture=header.architecture,
        parameters=header.parameters,
        trained_context=header.trained_context,
        description=header.text("general.description").strip(),
        features=frozenset({"embedding"}) if purpose.is_encoder(header) else frozenset(),
    )

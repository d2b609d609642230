"""Hugging Face models in this process, by transformers; the packages for it are an extra."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, TypeVar

from app import net
from app.errors import Misconfigured, NoModel
from app.llm.providers.huggingface import extra, naming
from app.llm.providers.huggingface.work_thread import Stop, Stopped, WorkThread
from app.schema import (
    Chunk,
    Endpoint,
    Health,
    LoadedModel,
    LoadProgress,
    LoadStage,
    ModelInfo,
    ModelRef,
    Request,
    RunningModel,
    TokenCount,
)

if TYPE_CHECKING:
    from app.llm.providers.huggingface.engine import Engine

TITLE = "Transformers"
_Result = TypeVar("_Result")


class TransformersProvider:
    """The models that the person named, one of them loaded at a time.

    Torch is imported when a model is first needed, on the models' own thread.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        lock: net.OfflineLock | None = None,  # noqa: ARG002 - it never leaves this computer
    ) -> None:
        """The endpoint has no address; its models are repo ids or folders."""
        self.endpoint = endpoint
        self.title = endpoint.title or TITLE
        self._thread = WorkThread("transformers")
        self._engine: Engine | None = None

    @property
    def loaded(self) -> str | None:
        """The model that is loaded."""
        facts = self._facts
        return facts.info.ref.model if facts else None

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that the person named; what is known of them once they are loaded."""
        facts = self._facts
        known = {facts.info.ref.model: facts.info} if facts else {}
        return [known.get(name) or self._info(name) for name in self.endpoint.models]

    async def load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        """Loads a model in place of the present one; cancelling the task ends the load."""

        def work(stop: Stop, emit: Callable[[LoadProgress | LoadedModel], None]) -> None:
            def report(fraction: float) -> None:
                emit(LoadProgress(LoadStage.LOADING, fraction))

            emit(self._get_engine().load(model, stop, report))

        with self._translated():
            async with aclosing(self._thread.run(work)) as events:
                async for event in events:
                    if isinstance(event, LoadedModel):
                        return event
                    on_progress(event)
            raise Stopped

    async def open(self, model: str) -> LoadedModel:
        """Loads a model in place of the present one, where it is not loaded yet."""
        return await self.load(model, lambda _progress: None)

    async def unload(self) -> None:
        """Gives the model's memory back, once what waits for it is done."""
        engine = self._engine
        if engine is not None:
            with self._translated():
                await self._thread.call(lambda _stop: engine.unload())

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator returns when the model has stopped."""

        def work(stop: Stop, emit: Callable[[Chunk], None]) -> None:
            self._get_engine().answer(model, request, stop, emit)

        with self._translated():
            if ahead := self._thread.waiting:
                yield Chunk(waiting=ahead)
            async with aclosing(self._thread.run(work)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """The prompt's tokens by the model's tokenizer, which needs no loaded model."""
        return TokenCount(await self._call(lambda engine, _: engine.count_tokens(model, request)))

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text; the model is loaded where it is not."""
        return await self._call(lambda engine, stop: engine.embed(model, texts, stop))

    async def running(self) -> Sequence[RunningModel]:
        """The model that is loaded."""
        facts = self._facts
        if facts is None:
            return []
        size = facts.info.size
        on_gpu = 0 if facts.device == "CPU" else size
        return [RunningModel(facts.info.ref.model, size, on_gpu, facts.context)]

    async def load_remote(self, model: str, context: int = 0) -> None:  # noqa: ARG002
        """Loads a model; its context is the endpoint's or its own."""
        await self.open(model)

    async def unload_remote(self, model: str) -> None:
        """Gives a model's memory back, where it is loaded."""
        if self.loaded == model:
            await self.unload()

    async def health(self) -> Health:
        """Whether the packages are installed and a model is named."""
        lacking = extra.missing()
        if lacking is not None:
            return Health(works=False, message=str(lacking))
        version = metadata.version("transformers")
        if not self.endpoint.models:
            message = "Name a model in its settings: a repo such as Qwen/Qwen3-0.6B, or a folder."
            return Health(works=False, version=version, message=message)
        return Health(works=True, version=version)

    async def aclose(self) -> None:
        """Ends what runs, and gives the memory back."""
        self._thread.stop()
        await self.unload()
        self._engine = None
        await self._thread.aclose()

    @property
    def _facts(self) -> LoadedModel | None:
        return self._engine.facts if self._engine else None

    async def _call(self, work: Callable[[Engine, Stop], _Result]) -> _Result:
        with self._translated():
            return await self._thread.call(lambda stop: work(self._get_engine(), stop))

    def _get_engine(self) -> Engine:
        """The engine, made on the models' thread. Raises Misconfigured."""
        if self._engine is None:
            lacking = extra.missing()
            if lacking is not None:
                raise lacking
            try:
                from app.llm.providers.huggingface.engine import Engine
            except (ImportError, OSError, RuntimeError, AttributeError) as error:
                raise Misconfigured(
                    "torch and transformers are installed, but cannot be started.",
                    f"Install them anew with: {extra.command()}",
                    repr(error),
                    provider=self.title,
                ) from error
            self._engine = Engine(self.endpoint, self.title)
        return self._engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Stopped:
            raise NoModel(
                f"The models of {self.title} were closed in the middle of their work.", "Ask again."
            ) from None

    def _info(self, name: str) -> ModelInfo:
        ref = ModelRef(self.endpoint.name, name)
        return ModelInfo(ref=ref, name=naming.short_name(name), provider=self.title)

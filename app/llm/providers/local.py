"""Models in this process: GGUF files through the runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from app import gguf
from app.errors import NoModel
from app.llm.optimizer import hardware, plan
from app.llm.providers.embedding import EmbeddingModel
from app.llm.providers.wire.thinking import Thinking
from app.llm.runner.interface import Runner
from app.llm.runner.preflight import Preflight
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


class LocalProvider:
    """One chat model at a time, and one for embedding; a model's name is the path of its file."""

    title = "This computer"

    def __init__(
        self,
        runner: Runner,
        preflight: Preflight,
        files: Callable[[], Sequence[ModelInfo]],
        adapters: Callable[[str], Sequence[Adapter]] = lambda _model: (),
        optimize: Callable[[], bool] = lambda: True,
        used: Callable[[Path], None] = lambda _path: None,
    ) -> None:
        """Takes the runner, the trial of new files, and the list of files (which may block).

        `adapters` gives the LoRA adapters that are to be loaded with a model, and `optimize` says
        whether a model is loaded as it suits this computer. `used` is told of each file that was
        loaded; it may block.
        """
        self._runner = runner
        self._preflight = preflight
        self._files = files
        self._adapters = adapters
        self._optimize = optimize
        self._used = used
        self._loaded: str | None = None
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
        header, adapters = await asyncio.to_thread(self._read, model)
        self._plan(header, adapters)
        await self._unload_chat()
        if not self._embedding.is_busy:
            await self._embedding.unload()
        # With the memory that is free now:
        wanted = self._plan(header, adapters)
        wanted = await self._preflight.check(
            wanted, lambda fraction: on_progress(LoadProgress(LoadStage.CHECKING, fraction))
        )
        loaded = await self._runner.load(wanted, on_progress)
        self._loaded = model
        await asyncio.to_thread(self._used, header.path)
        return LoadedModel(
            info=describe(header),
            context=loaded.context,
            threads=wanted.n_threads,
            device=loaded.device,
            notice=loaded.notice,
            adapters=wanted.adapters,
        )

    def _plan(
        self, header: gguf.Header, adapters: Sequence[tuple[Adapter, gguf.Header]]
    ) -> LoadPlan:
        """How to load a model with the memory that is free now. Raises ModelError."""
        return plan.default_plan(
            hardware.detect(), header, adapters=adapters, optimize=self._optimize()
        )

    def _read(self, model: str) -> tuple[gguf.Header, list[tuple[Adapter, gguf.Header]]]:
        """The headers of a model and of its adapters. Raises ModelError."""
        header = gguf.read(Path(model).absolute())
        wanted = self._adapters(model)
        return header, [(one, gguf.read_adapter(one.path, header)) for one in wanted]

    async def unload(self) -> None:
        """Gives the memory back, once the answers that wait have ended."""
        await self._unload_chat()
        await self._embedding.unload()

    async def _unload_chat(self) -> None:
        self._loaded = None
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
        features=frozenset({"embedding"}) if plan.is_encoder(header) else frozenset(),
    )

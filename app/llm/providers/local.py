"""Models in this process: GGUF files through the runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from app import gguf
from app.errors import NoModel
from app.llm.optimizer import hardware, plan
from app.llm.runner.interface import Runner
from app.llm.runner.preflight import Preflight
from app.schema import (
    Chunk,
    LoadedModel,
    LoadProgress,
    LoadStage,
    ModelInfo,
    ModelRef,
    Request,
)

NAME = "local"


class LocalProvider:
    """One model at a time; a model's name is the path of its file."""

    def __init__(
        self,
        runner: Runner,
        preflight: Preflight,
        files: Callable[[], Sequence[ModelInfo]],
    ) -> None:
        """Takes the runner, the trial of new files, and the list of files (which may block)."""
        self._runner = runner
        self._preflight = preflight
        self._files = files
        self._loaded: str | None = None

    @property
    def loaded(self) -> str | None:
        """The file that is loaded."""
        return self._loaded

    async def list_models(self) -> Sequence[ModelInfo]:
        """The model files on this disk."""
        return await asyncio.to_thread(self._files)

    async def load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        """Loads a file in place of the loaded one, which is kept if the file is no chat model."""
        header = await asyncio.to_thread(gguf.read, Path(model).absolute())
        plan.default_plan(hardware.detect(), header)
        await self.unload()
        wanted = plan.default_plan(hardware.detect(), header)  # with the memory that is free now
        wanted = await self._preflight.check(
            wanted, lambda fraction: on_progress(LoadProgress(LoadStage.CHECKING, fraction))
        )
        loaded = await self._runner.load(wanted, on_progress)
        self._loaded = model
        return LoadedModel(
            info=describe(header),
            context=loaded.context,
            threads=wanted.n_threads,
            device=loaded.device,
            notice=loaded.notice,
        )

    async def unload(self) -> None:
        """Gives the memory back, once the answers that wait have ended."""
        self._loaded = None
        await self._runner.unload()

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer of the loaded model."""
        self._require(model)
        async with aclosing(self._runner.generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, model: str, request: Request) -> int:
        """The prompt's tokens, by the model's own tokenizer."""
        self._require(model)
        return await self._runner.count_tokens(request)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text."""
        self._require(model)
        return await self._runner.embed(texts)

    async def aclose(self) -> None:
        """Unloads; the runner's thread belongs to whoever made it."""
        await self.unload()

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
    )

"""A provider that says what a test wrote for it: a real implementation of our interface."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from app.errors import HearthError
from app.schema import (
    Chunk,
    Finish,
    FinishReason,
    Health,
    LoadedModel,
    LoadProgress,
    LoadStage,
    ModelInfo,
    ModelRef,
    PromptProgress,
    Request,
    TokenCount,
    Usage,
)

INFO = ModelInfo(ModelRef("fake", "/models/fake.gguf"), "Fake 7B", 4_100_000_000, "Q4_K_M")


@dataclass
class Script:
    """One answer: its pieces, the pause before each, and how it ends."""

    pieces: Sequence[str]
    pause: float = 0.0  # seconds
    error: HearthError | None = None
    reason: FinishReason = FinishReason.STOP
    hold: asyncio.Event | None = None  # awaited before the end
    progress: Sequence[tuple[int, int]] = ((0, 10), (10, 10))
    notice: str = ""


@dataclass
class FakeProvider:
    """Answers with the scripts that were enqueued, in their order; then with "ok"."""

    context: int = 4096
    load_error: HearthError | None = None
    load_hold: asyncio.Event | None = None
    notice: str = ""
    models: list[ModelInfo] = field(default_factory=lambda: [INFO])
    requests: list[Request] = field(default_factory=list)
    scripts: deque[Script] = field(default_factory=deque)
    loaded: str | None = None
    title: str = "Fake"
    closed_streams: int = 0

    def enqueue(self, *pieces: str, **how: object) -> None:
        """The next answer."""
        self.scripts.append(Script(pieces, **how))  # type: ignore[arg-type]

    async def list_models(self) -> Sequence[ModelInfo]:
        return self.models

    async def load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        for stage in (LoadStage.CHECKING, LoadStage.LOADING):
            on_progress(LoadProgress(stage, 0.43))
            await asyncio.sleep(0)
        if self.load_hold is not None:
            await self.load_hold.wait()
        if self.load_error is not None:
            raise self.load_error
        self.loaded = model
        info = next((info for info in self.models if info.ref.model == model), INFO)
        return LoadedModel(info, self.context, threads=4, notice=self.notice)

    async def unload(self) -> None:
        self.loaded = None

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        script = self.scripts.popleft() if self.scripts else Script(["ok"])
        said = 0
        try:
            for done, total in script.progress:
                yield Chunk(progress=PromptProgress(done, total))
            if script.notice:
                yield Chunk(notice=script.notice)
            for piece in script.pieces:
                if script.pause:
                    await asyncio.sleep(script.pause)
                yield Chunk(text=piece, tokens=1)
                said += 1
            if script.hold is not None:
                await script.hold.wait()
            if script.error is not None:
                raise script.error
            yield Chunk(finish=Finish(script.reason, Usage(10, 0, said, 0.1, 0.2, 0.5)))
        finally:
            self.closed_streams += 1

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        return TokenCount(sum(len(message.text) for message in request.messages))

    async def health(self) -> Health:
        return Health(works=True)

    async def aclose(self) -> None:
        self.loaded = None

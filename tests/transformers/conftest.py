"""Models that are written once, and the provider over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
import transformers

from app.llm.providers.transformers_local import TransformersProvider
from app.schema import Endpoint
from tests.transformers import models

Offering = AbstractAsyncContextManager[TransformersProvider]
Offer = Callable[..., Offering]
# A word, a space, and characters of three, two and four bytes, each byte a token.
WORDS = (b"A", b" hearth", b" ")
BYTES = tuple(bytes([one]) for one in "—é🦜!".encode())
REPLY = "A hearth —é🦜!"

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _no_progress_bars() -> Iterator[None]:
    """Of the saving, which is the tests' own; Hearth's loading shows none."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hugging Face's cache, empty."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny(folder: Path) -> str:
    """Random weights, a ChatML template."""
    return str(models.random_llama(folder / "tiny"))


@pytest.fixture(scope="session")
def parrot(folder: Path) -> str:
    """Always answers REPLY."""
    return str(models.parrot(folder / "parrot", (*WORDS, *BYTES)))


@pytest.fixture(scope="session")
def endless(folder: Path) -> str:
    """Talks until its context of 4,096 tokens is full."""
    pieces = [b"word%d " % number for number in range(40)]
    return str(models.parrot(folder / "endless", pieces, loop=True, context=4096))


@pytest.fixture(scope="session")
def encoder(folder: Path) -> str:
    """Turns texts into vectors, and cannot chat."""
    return str(models.encoder(folder / "encoder"))


@pytest.fixture
def offer() -> Offer:
    """Makes providers; a stop is given back when its block is left."""

    @asynccontextmanager
    async def offering(*names: str, **about: Any) -> Any:
        provider = TransformersProvider(Endpoint("hf", "transformers", models=names, **about))
        try:
            yield provider
        finally:
            await provider.aclose()

    return offering


@pytest.fixture
async def bird(offer: Offer, parrot: str) -> AsyncIterator[TransformersProvider]:
    """The provider with the parrot loaded."""
    async with offer(parrot) as provider:
        await provider.open(parrot)
        yield provider

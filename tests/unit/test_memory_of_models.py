"""One model at a time is in this process, whichever of its providers has it."""

import pytest

from app.errors import ModelLoadError
from app.llm.manager import LLMManager
from app.llm.registry import Registry
from app.llm.state import Phase
from app.schema import LoadedModel, ModelInfo, ModelRef
from tests.fakes.provider import FakeProvider

ONE, TWO = ModelRef("one", "a"), ModelRef("two", "b")


def provider(ref: ModelRef) -> FakeProvider:
    return FakeProvider(models=[ModelInfo(ref, ref.model)])


async def test_loading_gives_back_what_another_provider_holds() -> None:
    one, two = provider(ONE), provider(TWO)
    manager = LLMManager(Registry({"one": one, "two": two}))
    await manager.load(ONE)
    await manager.load(TWO)
    assert (one.loaded, two.loaded) == (None, "b")
    assert manager.state.ref == TWO
    await manager.load(ONE)
    assert (one.loaded, two.loaded) == ("a", None)
    await manager.unload()
    assert one.loaded is None


async def test_a_load_that_fails_leaves_no_model_that_is_not_there() -> None:
    one, two = provider(ONE), provider(TWO)
    manager = LLMManager(Registry({"one": one, "two": two}))
    await manager.load(ONE)
    two.load_error = ModelLoadError("no")
    with pytest.raises(ModelLoadError):
        await manager.load(TWO)
    assert one.loaded is None, "its memory was needed"
    assert manager.state.phase is Phase.IDLE
    assert manager.state.ref == TWO


def test_what_has_threads_here_is_here() -> None:
    info = ModelInfo(ONE, "a")
    assert LoadedModel(info, 10, threads=2).is_here
    assert not LoadedModel(info, 10, threads=0).is_here

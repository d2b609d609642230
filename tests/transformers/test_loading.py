"""Models are loaded once and kept, on the device of the person's choice."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import (
    Misconfigured,
)
from app.llm.providers.huggingface import loading
from app.llm.providers.huggingface.engine import Engine
from app.llm.providers.huggingface.work_thread import Stop, Stopped
from app.llm.providers.interface import Embeds, LoadsModels, ManagesMemory, Opens
from app.schema import (
    Endpoint,
    LoadProgress,
    LoadStage,
    ModelRef,
)
from tests.adapters.asking import QUESTION, ask
from tests.transformers import models
from tests.transformers.asking import (
    network,
)
from tests.transformers.conftest import REPLY, Offer


async def test_a_model_says_what_it_is_once_it_is_loaded(
    offer: Offer, tiny: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with offer(tiny, "other/one") as provider:
        for kind in (Opens, LoadsModels, ManagesMemory, Embeds):
            assert isinstance(provider, kind)
        before = await provider.list_models()
        assert [(model.name, model.is_loaded) for model in before] == [
            ("tiny", False),
            ("other/one", False),
        ]
        assert provider.loaded is None
        assert await provider.running() == []
        loaded = await provider.open(tiny)
        info = loaded.info
        assert info.ref == ModelRef("hf", tiny)
        assert (info.name, info.provider) == ("tiny", "Transformers")
        assert (info.architecture, info.quantisation) == ("llama", "F32")
        assert info.parameters == sum(one.numel() for one in network(provider).parameters())
        assert info.size >= 4 * info.parameters
        assert info.features == {"chat", "embedding"}
        assert (loaded.context, info.trained_context) == (256, 256)
        assert (loaded.device, loaded.threads, loaded.is_here) == ("CPU", 1, True)
        assert not loaded.notice
        assert [model.is_loaded for model in await provider.list_models()] == [True, False]
        [running] = await provider.running()
        assert (running.model, running.size, running.gpu_size) == (tiny, info.size, 0)
        health = await provider.health()
        assert health.works
        assert health.version.startswith("5.")
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", ""), "no progress bar, no report"


async def test_it_is_loaded_once_and_kept(offer: Offer, parrot: str) -> None:
    async with offer(parrot) as provider:
        assert (await ask(provider, model=parrot)).text == REPLY  # loaded by the first question
        first = network(provider)
        await provider.open(parrot)
        await provider.load_remote(parrot)
        assert (await ask(provider, model=parrot)).text == REPLY
        assert network(provider) is first


async def test_a_second_replaces_the_first_whose_memory_is_given_back(
    offer: Offer, tiny: str, parrot: str
) -> None:
    gc.disable()  # as in the window
    try:
        async with offer(tiny, parrot) as provider:
            await ask(provider, model=tiny)
            first = weakref.ref(network(provider))
            await provider.open(parrot)
            assert provider.loaded == parrot
            assert first() is None
            second = weakref.ref(network(provider))
            await provider.unload_remote(tiny)  # another one
            assert second() is not None
            await provider.unload_remote(parrot)
            assert second() is None
            assert provider.loaded is None
            assert await provider.running() == []
            assert (await ask(provider, model=parrot)).text == REPLY
            third = weakref.ref(network(provider))
        assert third() is None, "closing gives it back too"
    finally:
        gc.enable()


async def test_a_load_tells_how_far_it_is(offer: Offer, tiny: str) -> None:
    told: list[LoadProgress] = []
    async with offer(tiny) as provider:
        await provider.load(tiny, told.append)
    fractions = [one.fraction for one in told]
    assert len(fractions) > 10
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert 0.9 < fractions[-1] < 1.0
    assert {one.stage for one in told} == {LoadStage.LOADING}


def test_a_load_is_stopped_between_two_weights(tiny: str, parrot: str) -> None:
    engine, stop, told = Engine(Endpoint("hf", "transformers"), "T"), Stop(), list[float]()

    def stop_at_the_third(fraction: float) -> None:
        told.append(fraction)
        if len(told) == 3:
            stop.set()

    with pytest.raises(Stopped):
        engine.load(tiny, stop, stop_at_the_third)
    assert len(told) == 3
    assert engine.facts is None
    engine.load(parrot, Stop(), lambda _: None)
    assert engine.facts is not None


async def test_a_load_that_is_given_up_leaves_nothing(
    offer: Offer, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go_on = Stop(), Stop()
    read = loading.read_weights

    def slowly(*given: Any) -> Any:
        held.set()
        assert go_on.wait(20)
        return read(*given)

    monkeypatch.setattr(loading, "read_weights", slowly)
    async with offer(tiny) as provider:
        task = asyncio.create_task(provider.open(tiny))
        await asyncio.to_thread(held.wait, 20)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done(), "it returns when the thread has let go"
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert provider.loaded is None


async def test_the_device_is_the_persons_choice_where_there_is_such(
    offer: Offer, tiny: str
) -> None:
    async with offer(device="cpu") as provider:
        assert (await provider.open(tiny)).device == "CPU"
    for device in ("cuda:7", "mps:3", "abacus"):
        async with offer(device=device) as provider:
            with pytest.raises(Misconfigured, match=f"no device “{device}”") as caught:
                await provider.open(tiny)
            assert "cpu" in caught.value.remedy


@pytest.mark.parametrize(
    ("cards", "metal", "best"),
    [(2, False, "cuda"), (0, True, "mps"), (1, True, "cuda"), (0, False, "cpu")],
)
def test_the_best_device_is_chosen(
    monkeypatch: pytest.MonkeyPatch, cards: int, metal: bool, best: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: metal)
    assert loading.choose_device("", "T") == best
    for index in range(cards):
        assert loading.choose_device(f"cuda:{index}", "T") == f"cuda:{index}"
    with pytest.raises(Misconfigured):
        loading.choose_device(f"cuda:{cards}", "T")


@pytest.mark.parametrize(("asked", "given"), [(0, 256), (100, 100), (1000, 256)])
async def test_the_context_is_no_more_than_the_model_knows(
    offer: Offer, tiny: str, asked: int, given: int
) -> None:
    async with offer(context=asked) as provider:
        loaded = await provider.open(tiny)
        assert (loaded.context, loaded.info.trained_context) == (given, 256)


async def test_the_numbers_are_those_of_the_file(offer: Offer, folder: Path) -> None:
    half = models.random_llama(folder / "half", numbers=torch.bfloat16)
    async with offer() as provider:
        loaded = await provider.open(str(half))
        assert loaded.info.quantisation == "BF16"
        assert loaded.info.size < 3 * loaded.info.parameters
        assert (await ask(provider, QUESTION, str(half))).finish.usage.generated_tokens


async def test_what_is_lacking_is_told_before_a_model_is_asked_for(offer: Offer) -> None:
    async with offer() as provider:
        health = await provider.health()
        assert not health.works
        assert "Name a model" in health.message

"""A load that fails for want of memory is tried smaller, and what worked is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import core as cores
from app.errors import ModelTooLarge
from app.llm.optimizer.machine import reading
from app.llm.optimizer.machine.records import Computer
from app.llm.optimizer.remembered import Remembered
from app.llm.providers.local import LocalProvider
from app.llm.providers.local_plans import LocalPlans
from app.llm.runner.interface import Loaded, OnProgress
from app.llm.runner.preflight import Preflight
from app.llm.runner.queued import QueuedRunner
from app.schema import LoadPlan, LoadProgress, ModelRef, Request, Sampling


class Narrow(QueuedRunner):
    """A runner on a computer whose memory holds a context of so many tokens, and says so late."""

    most = 512
    tried: list[int]

    async def load(self, plan: LoadPlan, on_progress: OnProgress) -> Loaded:
        self.tried.append(plan.n_ctx)
        if plan.n_ctx > self.most:
            raise ModelTooLarge("There is not enough free memory.", "Choose a smaller model.")
        return await super().load(plan, on_progress)


class Here:
    def now(self) -> Computer:
        return reading.read()


def ignore(_progress: LoadProgress) -> None:
    pass


def provider(core: cores.Core, runner: Narrow, folder: Path) -> LocalProvider:
    plans = LocalPlans(Here(), Remembered(folder / "plans.json", "0.3.36"))
    return LocalProvider(runner, Preflight(folder / "preflight.json"), list, plans)


async def test_a_smaller_context_is_loaded_said_and_remembered(
    core: cores.Core, starter_file: Path, tmp_path: Path
) -> None:
    runner = Narrow(core.worker)
    runner.tried = []
    local = provider(core, runner, tmp_path)
    loaded = await local.load(str(starter_file), ignore)
    assert runner.tried == [2048, 1024, 512]
    assert loaded.context == 512
    assert "512 tokens: with more, this model did not load here before." in loaded.notice
    asked = Request(raw="Once", sampling=Sampling(max_tokens=2))
    assert [chunk async for chunk in local.stream(str(starter_file), asked)]
    await local.unload()
    again = provider(core, runner, tmp_path)
    runner.tried.clear()
    assert (await again.load(str(starter_file), ignore)).context == 512
    assert runner.tried == [512]
    await again.aclose()


async def test_where_nothing_is_small_enough_the_first_error_is_told(
    core: cores.Core, starter_file: Path, tmp_path: Path
) -> None:
    runner = Narrow(core.worker)
    runner.tried, runner.most = [], 0
    local = provider(core, runner, tmp_path)
    with pytest.raises(ModelTooLarge, match="not enough free memory"):
        await local.load(str(starter_file), ignore)
    assert runner.tried == [2048, 1024, 512]
    assert local.loaded is None
    assert not (tmp_path / "plans.json").exists()
    await local.aclose()


async def test_the_plan_of_a_loaded_model_is_told(core: cores.Core, starter_file: Path) -> None:
    await core.manager.load(ModelRef("local", str(starter_file)))
    loaded = core.manager.state.loaded
    assert loaded is not None
    assert loaded.plan is not None
    assert loaded.plan.n_ctx == loaded.context == 2048
    assert {reason.choice for reason in loaded.plan.reasons} >= {"n_ctx", "n_threads", "type_k"}
    assert 20e6 < loaded.memory < 60e6
    assert loaded.notice == ""

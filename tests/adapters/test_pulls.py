"""Models that servers fetch, load and delete when asked, over HTTP with fake servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.errors import HearthError, ModelMissing, NoModel, Unsupported
from app.library import telling
from app.library.pulls import Pulls
from app.library.records import Download, Stage
from app.llm import server_models
from app.llm.providers import localai
from app.llm.server_models import ModelServer, ServerModels
from app.schema import Endpoint, ModelRef
from tests.adapters.registering import Keys, at, opened
from tests.fakes.provider import FakeProvider
from tests.fakes.servers import openai
from tests.fakes.servers.http import FakeServer, as_json, ndjson, running
from tests.fakes.servers.lm_studio import LMStudio
from tests.fakes.servers.localai import LocalAI
from tests.fakes.servers.ollama import Model, Ollama

GB = 10**9
DIGEST = "sha256:" + "a" * 64


class Town:
    """An Ollama, an LM Studio and a LocalAI, and what Hearth knows of them."""

    def __init__(self) -> None:
        self.servers = {name: FakeServer() for name in ("ollama", "lm-studio", "localai")}
        self.ollama = Ollama(self.servers["ollama"])
        self.ollama.add("qwen3:8b", size=5 * GB)
        self.ollama.registry["llama3.2:3b"] = Model("llama3.2:3b", size=2 * GB)
        self.studio = LMStudio(self.servers["lm-studio"])
        self.studio.add("google/gemma-3", display="Gemma 3")
        self.studio.catalogue["qwen/qwen3-4b"] = 2 * GB
        self.localai = LocalAI(self.servers["localai"])
        self.localai.chat.models = ("mistral",)

    def endpoints(self) -> list[Endpoint]:
        return [at(server, name, name) for name, server in self.servers.items()]


@asynccontextmanager
async def known(
    town: Town, *more: Endpoint
) -> AsyncIterator[tuple[ServerModels, Pulls, list[Sequence[Download]]]]:
    """The servers' models, their pulls, and all that listeners were told."""
    async with opened(Keys(), *town.endpoints(), *more, local=FakeProvider()) as registry:
        models = ServerModels(registry)
        pulls = Pulls(models)
        told: list[Sequence[Download]] = []
        pulls.subscribe(told.append)
        try:
            yield models, pulls, told
        finally:
            await pulls.aclose()


@pytest.fixture
async def town(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(localai, "JOB_PAUSE", 0.01)
    monkeypatch.setattr("app.llm.providers.lm_studio.LOOK_SECONDS", 0.01)
    made = Town()
    async with (
        running(made.servers["ollama"]),
        running(made.servers["lm-studio"]),
        running(made.servers["localai"]),
    ):
        yield made


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def by_name(servers: Sequence[ModelServer]) -> dict[str, ModelServer]:
    return {server.name: server for server in servers}


def names(server: ModelServer) -> list[str]:
    return [model.ref.model for model in server.models]


# What servers have


async def test_servers_are_listed_with_what_can_be_done_there(town: Town) -> None:
    async with (
        running(FakeServer()) as other,
        known(town, at(openai.fill(other, "vllm", models=("a",)).server, "vllm")) as (models, *_),
    ):
        found = by_name(await models.servers())
        # A server whose models cannot be changed, and Hearth's own, are none of them.
        assert set(found) == {"ollama", "lm-studio", "localai"}
        can = {name: (one.can_pull, one.can_delete, one.can_load) for name, one in found.items()}
        assert can == {
            "ollama": (True, True, True),
            "lm-studio": (True, False, True),
            "localai": (True, True, True),
        }
        assert names(found["ollama"]) == ["qwen3:8b"]
        assert found["ollama"].title == "Ollama"


async def test_a_server_that_does_not_answer_is_listed_with_its_error(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_models, "WAIT_SECONDS", 0.3)
    async with known(town) as (models, *_):
        await town.servers["ollama"].stop()
        hold = asyncio.Event()
        reply = as_json({"models": []})
        reply.wait = hold
        town.servers["lm-studio"].enqueue("/api/v1/models", reply, reply)
        found = by_name(await models.servers())
        error = found["ollama"].error
        assert error is not None
        assert "does not answer" in error.message
        assert found["ollama"].can_pull  # so that its place on the page stays
        late = found["lm-studio"].error
        assert late is not None
        assert late.message == "It does not answer in time."
        assert late.remedy
        assert found["localai"].error is None
        hold.set()


async def test_models_are_loaded_unloaded_and_deleted_there(town: Town) -> None:
    async with known(town) as (models, *_):
        for ref in (
            ModelRef("ollama", "qwen3:8b"),
            ModelRef("lm-studio", "google/gemma-3"),
            ModelRef("localai", "mistral"),
        ):
            await models.load(ref)
            server = by_name(await models.servers())[ref.provider]
            assert [model.is_loaded for model in server.models] == [True], ref
            await models.unload(ref)
            server = by_name(await models.servers())[ref.provider]
            assert [model.is_loaded for model in server.models] == [False], ref
        await models.delete(ModelRef("ollama", "qwen3:8b"))
        await models.delete(ModelRef("localai", "mistral"))
        found = by_name(await models.servers())
        assert found["ollama"].models == ()
        assert found["localai"].models == ()
        with pytest.raises(Unsupported, match="LM Studio does not delete models"):
            await models.delete(ModelRef("lm-studio", "google/gemma-3"))
        with pytest.raises(ModelMissing):
            await models.delete(ModelRef("ollama", "qwen3:8b"))
        with pytest.raises(NoModel):
            await models.load(ModelRef("elsewhere", "x"))


# What they fetch


async def test_a_pull_tells_bytes_speed_and_time_left_until_it_is_there(town: Town) -> None:
    async with known(town) as (models, pulls, told):
        key = pulls.add("ollama", "Ollama", "llama3.2:3b")
        assert pulls.add("ollama", "Ollama", "llama3.2:3b") == key  # not twice
        assert len(pulls.items) == 1
        await until(lambda: not pulls.items)
        stages = list(dict.fromkeys(one.stage for (one,) in told))
        assert stages == [Stage.WAITING, Stage.FETCHING, Stage.CHECKING, Stage.DONE]
        lines = [telling.progress(one) for (one,) in told]
        assert any("50 % · 1.0 GB of 2.0 GB" in line for line in lines)
        assert [one.message for (one,) in told if one.message] == ["pulling manifest"]
        last = told[-1][0]
        assert last.done == last.total == 2 * GB + 100
        assert last.speed == 0
        assert "llama3.2:3b" in names(by_name(await models.servers())["ollama"])
        assert len([r for r in town.servers["ollama"].received if r.path == "/api/pull"]) == 1


@pytest.mark.parametrize(
    ("server", "model"), [("lm-studio", "qwen/qwen3-4b"), ("localai", "localai@qwen3-0.6b")]
)
async def test_other_servers_fetch_with_the_same_progress(
    town: Town, server: str, model: str
) -> None:
    async with known(town) as (models, pulls, told):
        pulls.add(server, server, model)
        await until(lambda: not pulls.items)
        assert told[-1][0].stage is Stage.DONE
        assert any(one.total and 0 < one.done < one.total for (one,) in told)
        found = by_name(await models.servers())[server]
        assert len(found.models) == 2


async def test_a_pull_that_fails_stays_with_its_reason_until_it_is_tried_again(town: Town) -> None:
    async with known(town) as (_, pulls, told):
        key = pulls.add("ollama", "Ollama", "nobody/nothing")
        await until(lambda: pulls.items[0].stage is Stage.FAILED)
        assert pulls.items[0].message
        assert pulls.items[0].remedy
        assert pulls.items[0].model.name == "nobody/nothing on Ollama"
        town.ollama.registry["nobody/nothing:latest"] = Model("nobody/nothing:latest", size=GB)
        pulls.resume(key)
        assert pulls.items[0].stage is Stage.WAITING  # at once
        assert pulls.items[0].message == ""
        await until(lambda: not pulls.items)
        assert told[-1][0].stage is Stage.DONE


async def test_a_pull_from_nobody_fails_in_words(town: Town) -> None:
    async with known(town) as (_, pulls, _told):
        pulls.add("elsewhere", "Elsewhere", "x")
        await until(lambda: pulls.items[0].stage is Stage.FAILED)
        assert isinstance(pulls.items[0].message, str)
        assert pulls.items[0].folder == Path()


async def test_a_pause_ends_the_connection_and_resume_goes_on(town: Town) -> None:
    async with known(town) as (_, pulls, told):
        hold = asyncio.Event()
        half = {"status": "pulling aa", "digest": DIGEST, "total": 2 * GB, "completed": GB}
        town.servers["ollama"].enqueue("/api/pull", ndjson(half, hold=hold))
        key = pulls.add("ollama", "Ollama", "llama3.2:3b")
        await until(lambda: pulls.items[0].done == GB)
        pulls.pause(key)
        (paused,) = pulls.items
        assert (paused.stage, paused.done, paused.speed) == (Stage.PAUSED, GB, 0)
        assert telling.progress(paused).startswith("paused · 50 %")
        await until(lambda: town.servers["ollama"].disconnects)
        assert pulls.items[0].stage is Stage.PAUSED
        pulls.resume(key)
        pulls.pause(key)  # before it has begun
        pulls.resume(key)
        await until(lambda: not pulls.items)
        assert told[-1][0].stage is Stage.DONE
        hold.set()


async def test_a_cancelled_job_is_cancelled_on_the_server_before_the_next_begins(
    town: Town,
) -> None:
    town.localai.next_job = {"is_endless": True}
    async with known(town) as (_, pulls, _told):
        key = pulls.add("localai", "LocalAI", "localai@qwen3-0.6b")
        await until(lambda: town.localai.jobs and town.localai.jobs["job-1"].seen)
        pulls.pause(key)
        pulls.resume(key)
        await until(lambda: len(town.localai.jobs) == 2)
        assert town.localai.jobs["job-1"].is_cancelled
        pulls.cancel(key)
        assert pulls.items == ()
        await until(lambda: town.localai.jobs["job-2"].is_cancelled)


async def test_the_end_waits_for_what_was_cancelled_just_before(town: Town) -> None:
    town.localai.next_job = {"is_endless": True}
    async with known(town) as (_, pulls, told):
        key = pulls.add("localai", "LocalAI", "localai@qwen3-0.6b")
        await until(lambda: town.localai.jobs and town.localai.jobs["job-1"].seen)
        pulls.cancel(key)
        await pulls.aclose()
        assert town.localai.jobs["job-1"].is_cancelled
        left = [task for task in asyncio.all_tasks() if task.get_name().startswith("pull ")]
        assert left == []
        assert told[-1] == ()


async def test_who_does_not_listen_any_more_is_not_told(town: Town) -> None:
    async with known(town) as (_, pulls, _told):
        heard: list[Sequence[Download]] = []
        forget = pulls.subscribe(heard.append)
        forget()
        forget()  # as where a window closes while its look changes
        pulls.add("ollama", "Ollama", "llama3.2:3b")
        await until(lambda: not pulls.items)
        assert heard == []


async def test_a_broken_fetch_is_no_success(town: Town) -> None:
    async with known(town) as (_, pulls, told):
        half = {"status": "pulling aa", "digest": DIGEST, "total": 2 * GB, "completed": GB}
        town.servers["ollama"].enqueue("/api/pull", ndjson(half, cut=True))
        key = pulls.add("ollama", "Ollama", "llama3.2:3b")
        await until(lambda: pulls.items[0].stage is Stage.FAILED)
        assert Stage.DONE not in {one.stage for (one,) in told}
        assert pulls.items[0].done == GB
        pulls.cancel(key)
        assert pulls.items == ()


def test_errors_are_those_of_hearth() -> None:
    error = server_models._cannot(FakeProvider(), "fetch models")
    assert isinstance(error, HearthError)
    assert str(error) == "Fake does not fetch models for other programs. Do it there instead."

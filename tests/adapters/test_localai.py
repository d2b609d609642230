"""LocalAI: its gallery and jobs, deleting, back ends, figures of time, errors in a stream."""

from contextlib import aclosing
from typing import Any

import pytest

from app.errors import ApiError, BadReply, HearthError, Misconfigured, ModelMissing, Unsupported
from app.llm.providers import localai, openai
from app.llm.providers.localai import LocalAIProvider
from app.schema import Chunk, PullProgress, RunningModel
from tests.adapters.local_servers import answer, connected, finish, heard, text
from tests.fakes.servers.http import FakeServer, as_json, sse
from tests.fakes.servers.localai import LocalAI


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localai, "JOB_PAUSE", 0.001)
    monkeypatch.setattr(openai, "LOADING_PAUSE", 0.001)


async def pulled(provider: LocalAIProvider, model: str) -> list[PullProgress]:
    async with aclosing(provider.pull(model)) as states:
        return [state async for state in states]


def cancelled(fake: LocalAI) -> bool:
    return any(request.path.endswith("/cancel") for request in fake.server.received)


async def test_the_gallery_is_listed_by_names_that_can_be_pulled():
    async with connected(LocalAI, LocalAIProvider) as (_, provider):
        names = await provider.available()
    assert names == ["localai@llama-3.2-1b", "localai@qwen3-0.6b"]


async def test_a_pull_tells_its_progress_and_installs_the_model():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        states = await pulled(provider, "localai@qwen3-0.6b")
        assert fake.server.last("/models/apply").json == {"id": "localai@qwen3-0.6b"}
        names = [info.ref.model for info in await provider.list_models()]
        assert not cancelled(fake)
    assert [state.done for state in states] == [333, 666, 1000]
    assert {state.total for state in states} == {1000}
    assert {state.status for state in states} == {"downloading"}
    assert names == ["tiny", "qwen3-0.6b"]


@pytest.mark.parametrize("address", ["github:mudler/LocalAI/m.yaml", "https://example.org/m.yaml"])
async def test_an_address_is_pulled_as_one(address: str):
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        await pulled(provider, address)
        assert fake.server.last("/models/apply").json == {"url": address}


async def test_an_older_version_tells_a_share():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.tells_bytes = False
        states = await pulled(provider, "qwen3-0.6b")
    assert states[0] == PullProgress("processing, 33 %")
    assert states[-1] == PullProgress("completed, 100 %")


async def test_a_job_behind_others_is_waited_for():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.next_job = {"unknown": 5}
        assert (await pulled(provider, "qwen3-0.6b"))[-1].done == 1000


async def test_a_job_that_never_comes_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(localai, "JOB_LOOKS", 3)
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.next_job = {"unknown": 50}
        with pytest.raises(ApiError, match="could not find any status"):
            await pulled(provider, "qwen3-0.6b")


async def test_a_name_that_the_gallery_has_not_got():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        with pytest.raises(HearthError, match="no model found with name other"):
            await pulled(provider, "other")
        assert not cancelled(fake)
        assert fake.chat.models == ("tiny",)


@pytest.mark.parametrize(
    "state",
    [
        {"processed": True, "error": {}, "message": "error: the disk is full"},
        {"processed": True, "error": "the disk is full", "message": "x"},
        {"processed": False, "error": "the disk is full"},
    ],
)
async def test_a_job_tells_its_failure_in_different_ways(state: dict[str, Any]):
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.server.enqueue("/models/jobs/job-1", as_json(state))
        with pytest.raises(ApiError, match="LocalAI says: the disk is full"):
            await pulled(provider, "qwen3-0.6b")


async def test_closing_a_pull_cancels_the_job():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.next_job = {"is_endless": True}
        async with aclosing(provider.pull("qwen3-0.6b")) as states:
            assert (await anext(states)).total == 1000
        assert fake.jobs["job-1"].is_cancelled
        assert fake.server.received[-1].path == "/api/operations/job-1/cancel"


async def test_closing_a_pull_that_is_done_cancels_nothing():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.next_job = {"looks": 1}
        async with aclosing(provider.pull("qwen3-0.6b")) as states:
            assert (await anext(states)).done == 1000
        assert not cancelled(fake)


async def test_a_pull_that_somebody_else_stops():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.next_job = {"is_endless": True}
        async with aclosing(provider.pull("qwen3-0.6b")) as states:
            await anext(states)
            fake.jobs["job-1"].is_cancelled = True
            with pytest.raises(ApiError, match="has cancelled this"):
                await anext(states)
        assert not cancelled(fake)


async def test_a_reply_without_a_job_is_not_waited_for():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.server.enqueue("/models/apply", as_json({"status": "ok"}))
        with pytest.raises(BadReply, match="under which number"):
            await pulled(provider, "qwen3-0.6b")


@pytest.mark.parametrize("name", ["tiny", "org/tiny model"])
async def test_a_model_is_deleted(name: str):
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.chat.models = (name, "other")
        await provider.delete(name)
        assert [info.ref.model for info in await provider.list_models()] == ["other"]


async def test_a_model_that_is_not_there_cannot_be_deleted():
    async with connected(LocalAI, LocalAIProvider) as (_, provider):
        with pytest.raises(ModelMissing, match="model other not found"):
            await provider.delete("other")


async def test_back_ends_are_started_and_stopped():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        assert await provider.running() == []
        await provider.load_remote("tiny")
        assert await provider.running() == [RunningModel("tiny")]
        await provider.unload_remote("tiny")
        assert fake.loaded == []
        await provider.unload_remote("tiny")  # it is so already


async def test_a_back_end_that_does_not_stop_is_told():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        fake.loaded.append("tiny")
        fake.server.enqueue("/backend/shutdown", as_json({"error": {"message": "it hangs"}}, 500))
        with pytest.raises(ApiError, match="it hangs"):
            await provider.unload_remote("tiny")


async def test_a_load_that_fails_is_told():
    async with connected(LocalAI, LocalAIProvider) as (_, provider):
        with pytest.raises(ModelMissing, match="failed to load model: model other not found"):
            await provider.load_remote("other")


async def test_an_older_version_loads_at_the_first_message():
    def older(server: FakeServer) -> LocalAI:
        return LocalAI(server, loads=False)

    async with connected(older, LocalAIProvider) as (_, provider):
        with pytest.raises(Unsupported, match="send a message: the model is loaded then"):
            await provider.load_remote("tiny")


async def test_the_times_are_asked_for_and_read():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        usage = finish(await answer(provider, "tiny")).usage
        assert fake.server.received[-1].headers["extra-usage"] == "1"
    assert (usage.prompt_seconds, usage.generation_seconds) == (0.02, 1.5)
    assert not usage.is_estimate


async def test_a_cold_start_is_waited_for():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        cold = as_json({"error": {"message": "starting"}}, 503, **{"Retry-After": "0.001"})
        fake.server.enqueue("/v1/chat/completions", cold, cold)
        assert text(await answer(provider, "tiny")) == "Hello there."
        assert len(fake.server.received) == 3


async def test_an_error_before_done_is_no_answer():
    async with connected(LocalAI, LocalAIProvider) as (fake, provider):
        begun = {"choices": [{"delta": {"content": "Hel"}}]}
        error = {"error": {"message": "rpc error: the back end died", "code": 500}}
        fake.server.enqueue("/v1/chat/completions", sse(begun, error, done=True))
        said: list[Chunk] = []
        with pytest.raises(ApiError, match="the back end died"):
            await heard(provider, "tiny", said)
    assert text(said) == "Hel"


async def test_the_key_goes_with_every_request():
    def locked(server: FakeServer) -> LocalAI:
        return LocalAI(server, key="secret")

    async with connected(locked, LocalAIProvider, key="secret") as (fake, provider):
        await provider.available()
        await pulled(provider, "qwen3-0.6b")
        await provider.running()
        await provider.delete("qwen3-0.6b")
        assert {request.headers["authorization"] for request in fake.server.received} == {
            "Bearer secret"
        }
    async with connected(locked, LocalAIProvider) as (_, provider):
        with pytest.raises(Misconfigured, match="Check the key"):
            await pulled(provider, "qwen3-0.6b")

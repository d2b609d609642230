"""KoboldCpp: files to switch to, and the restart that every switch is."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.errors import ApiError, TimedOut, Unsupported
from app.llm.providers import koboldcpp
from app.llm.providers.koboldcpp import KoboldCppProvider
from app.schema import Chunk, FinishReason, RunningModel
from tests.adapters.local_servers import answer, connected, finish, heard, text
from tests.fakes.servers.http import FakeServer, Reply, as_json, sse
from tests.fakes.servers.koboldcpp import KoboldCpp


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(koboldcpp, "RESTART_PAUSE", 0.001)


@asynccontextmanager
async def restarting(fake: KoboldCpp, times: int = 1):
    """The server starts anew when it has been told to and was asked for its model once more."""

    async def follow() -> None:
        for _ in range(times):
            await fake.reloads.wait()
            await fake.asked.wait()  # the old one still answers
            fake.reloads.clear()
            await fake.restart()

    following = asyncio.create_task(follow())
    yield
    await following


def brief_absence(fake: KoboldCpp) -> Reply:
    """Says yes to a reload; the next three questions break off."""
    fake.server.enqueue("/api/v1/model", *[Reply(b"{}", cut=True)] * 3)
    return as_json({"success": True})


async def test_files_are_listed_with_the_loaded_one_among_them():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        listed = {info.ref.model: info.is_loaded for info in await provider.list_models()}
        fake.loaded = "koboldcpp/elsewhere"
        names = [info.ref.model for info in await provider.list_models()]
    assert listed == {"small.gguf": True, "large.gguf": False, "story.kcpps": False}
    assert names == ["koboldcpp/elsewhere", "small.gguf", "large.gguf", "story.kcpps"]


async def test_without_admin_there_is_the_loaded_model_alone():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        fake.is_admin = False
        assert [info.ref.model for info in await provider.list_models()] == ["koboldcpp/small"]
        assert (await provider.open("koboldcpp/small")).context == 16_384
        fake.loaded = "inactive"
        assert await provider.list_models() == []
        assert await provider.running() == []


async def test_the_context_is_the_true_one():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        fake.context = 12_288
        loaded = await provider.open("small.gguf")
        running = await provider.running()
        assert {request.method for request in fake.server.received} == {"GET"}
    assert loaded.context == 12_288
    assert running == [RunningModel("small.gguf", context=12_288)]


async def test_opening_another_model_restarts_the_server():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        async with restarting(fake):
            loaded = await provider.open("large.gguf")
        assert (fake.wanted, fake.loaded) == ("large.gguf", "koboldcpp/large")
        assert text(await answer(provider, "large.gguf")) == "Hello there."
    assert loaded.info.ref.model == "large.gguf"


async def test_broken_connections_are_part_of_a_restart():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):

        def reload(_: object) -> Reply:
            fake.loaded = "koboldcpp/large"
            return brief_absence(fake)

        fake.server.route("POST", "/api/admin/reload_config", reload)
        await provider.load_remote("large.gguf")
        asked = [request.path for request in fake.server.received]
    assert asked.count("/api/v1/model") == 5  # before, thrice in vain, after


async def test_a_file_of_settings_is_known_again_by_the_model_it_brought():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        async with restarting(fake):
            await provider.load_remote("story.kcpps")
        listed = {info.ref.model: info.is_loaded for info in await provider.list_models()}
        await provider.load_remote("story.kcpps")  # not once more
        assert not fake.reloads.is_set()
    assert listed == {"small.gguf": False, "large.gguf": False, "story.kcpps": True}


async def test_unloading_restarts_it_without_a_model():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        await provider.unload_remote("large.gguf")  # it has another
        assert not fake.reloads.is_set()
        async with restarting(fake):
            await provider.unload_remote("small.gguf")
        assert (fake.wanted, await provider.running()) == ("unload_model", [])


async def test_a_model_that_cannot_be_loaded_leaves_the_old_one():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        fake.server.route("POST", "/api/admin/reload_config", lambda _: brief_absence(fake))
        with pytest.raises(ApiError, match=r"load “large\.gguf” and has koboldcpp/small still"):
            await provider.open("large.gguf")


async def test_a_server_that_stays_as_it_was(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(koboldcpp, "STILL_SECONDS", 0.0)
    async with connected(KoboldCpp, KoboldCppProvider) as (_, provider):
        with pytest.raises(ApiError, match=r"could not load “large\.gguf”"):
            await provider.load_remote("large.gguf")  # it says yes and does nothing


async def test_a_server_that_does_not_come_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(koboldcpp, "RESTART_SECONDS", 0.01)
    async with connected(KoboldCpp, KoboldCppProvider) as (_, provider):
        with pytest.raises(TimedOut, match="has not come back"):
            await provider.load_remote("large.gguf")


async def test_the_admin_password_is_needed():
    def guarded(server: FakeServer) -> KoboldCpp:
        return KoboldCpp(server, password="secret")

    async with connected(guarded, KoboldCppProvider) as (_, provider):
        assert [info.ref.model for info in await provider.list_models()] == ["koboldcpp/small"]
        with pytest.raises(Unsupported, match="--admin and --admindir"):
            await provider.unload_remote("koboldcpp/small")
    async with connected(guarded, KoboldCppProvider, key="secret") as (fake, provider):
        assert len(await provider.list_models()) == 3
        async with restarting(fake):
            await provider.load_remote("large.gguf")


async def test_a_running_answer_is_not_broken_off_by_a_switch():
    async with connected(KoboldCpp, KoboldCppProvider) as (fake, provider):
        hold = asyncio.Event()
        begun = {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}
        fake.server.enqueue("/v1/chat/completions", sse(begun, done=False, hold=hold))
        chunks: list[Chunk] = []
        listening = asyncio.create_task(heard(provider, "small.gguf", chunks))
        while not chunks:
            await asyncio.sleep(0)
        async with restarting(fake):
            switching = asyncio.create_task(provider.load_remote("large.gguf"))
            while fake.server.received[-1].path != "/api/admin/list_options":
                await asyncio.sleep(0)
            assert not fake.reloads.is_set()
            hold.set()
            await listening
            await switching
    assert text(chunks) == "Hi"
    assert finish(chunks).reason is FinishReason.STOP

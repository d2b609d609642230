"""What the environment offers, staying offline, and the policies around what was set up."""

from pathlib import Path

import pytest

from app import core as cores
from app.credentials import SERVICE
from app.errors import Misconfigured
from app.llm.environment import Offer, offers
from app.llm.providers.interface import ability
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.providers.policies.rate_limit import RateLimited
from app.llm.providers.policies.retry import Retrying
from app.schema import ModelRef
from app.settings import ProviderSettings, SettingsFile
from tests.adapters.asking import CHAT
from tests.adapters.managing import Serve, whole
from tests.adapters.setting_up import KEY, at, served, written
from tests.fakes import running
from tests.fakes.key_ring import MemoryKeyring
from tests.fakes.servers.http import FakeServer, as_json


@pytest.fixture
async def server(serve: Serve) -> FakeServer:
    """A server that wants the key."""
    return await serve("tiny", "other", key=KEY)


# Offers of the environment


async def test_an_offer_is_accepted_with_its_key(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    environ = {
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": KEY,
        "INFERENCE_SERVER_MODEL": "qwen",
    }
    openai, mistral = core.setup.offers(environ)
    assert core.manager.registry.names() == ["local"], "nothing is taken in silence"
    assert ring.secrets == {}

    assert await core.setup.accept(openai)
    assert ring.secrets == {(SERVICE, "openai-compatible"): KEY}
    assert KEY not in written(core)
    assert await served(core, "openai-compatible") == ["tiny", "other"]

    assert await core.setup.accept(mistral)
    assert await served(core, "mistral-rs") == ["qwen"]
    assert len(ring.secrets) == 1
    assert core.setup.offers(environ) == [], "what is set up is not offered again"


@pytest.mark.usefixtures("no_ring")
async def test_an_accepted_key_lasts_for_the_run_without_a_keyring(core: cores.Core) -> None:
    assert not await core.setup.accept(Offer("anthropic", "Anthropic", ("X",), key=KEY))
    assert (await core.manager.registry.get("anthropic")).title == "Anthropic"
    assert KEY not in written(core)


@pytest.mark.parametrize("host", ["0.0.0.0", ":11500", "127.0.0.1", "gpu.example:80"])
async def test_ollamas_own_variable_can_always_be_accepted(
    core: cores.Core, ring: MemoryKeyring, host: str
) -> None:
    [offer] = offers({"OLLAMA_HOST": host})
    await core.setup.accept(offer)
    assert (await core.manager.registry.get("ollama")).title == "Ollama"


# Staying offline


async def test_staying_offline_closes_the_way_to_other_computers_and_is_kept(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    await core.setup.save(at(server), KEY)
    far = ProviderSettings(name="far", kind="vllm", url="http://192.0.2.1:8000")
    await core.setup.save(far)
    core.setup.stay_offline(offline=True)
    with pytest.raises(Misconfigured, match="set to stay offline"):
        await served(core, "far")
    assert await served(core) == ["tiny", "other"], "this computer is not another one"
    refused = await core.setup.test(far)
    assert "set to stay offline" in refused.message
    assert SettingsFile(core.paths.settings).settings.providers.stay_offline
    core.setup.stay_offline(offline=False)
    assert not SettingsFile(core.paths.settings).settings.providers.stay_offline


async def test_the_next_start_is_offline_too(tmp_path: Path, ring: MemoryKeyring) -> None:
    async with running.core(tmp_path / "home") as core:
        await core.setup.save(
            ProviderSettings(name="far", kind="vllm", url="http://192.0.2.1:8000")
        )
        core.setup.stay_offline(offline=True)
    async with running.core(tmp_path / "home") as core:
        with pytest.raises(Misconfigured, match="set to stay offline"):
            await served(core, "far")


# The policies around what was set up


async def test_a_busy_server_is_asked_again(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    await core.setup.save(at(server), KEY)
    await core.manager.load(ModelRef("box", "tiny"))
    busy = as_json({"error": {"message": "one moment"}}, 500, **{"Retry-After": "0"})
    server.enqueue(CHAT, busy)
    said = await whole(core.manager)
    assert said.text == "Hello there."
    [notice] = [chunk.notice for chunk in said.chunks if chunk.notice]
    assert notice == "Asked 2 times. At first: vLLM says: one moment"


@pytest.mark.parametrize(
    ("url", "waits"),
    [
        ("", False),
        ("localhost:8000", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("gpu.example:8000", True),
        ("https://gpu.example/v1", True),
    ],
)
async def test_only_a_server_of_another_computer_is_waited_for(
    core: cores.Core, ring: MemoryKeyring, url: str, waits: bool
) -> None:
    await core.setup.save(ProviderSettings(name="box", kind="vllm", url=url))
    provider = await core.manager.registry.get("box")
    assert ability(provider, CircuitBreaker) is not None
    assert ability(provider, RateLimited) is None
    retries = ability(provider, Retrying)
    assert retries is not None
    assert retries._patience.waits_for_server is waits


@pytest.mark.parametrize("limit", ["requests_per_minute", "tokens_per_minute"])
async def test_a_limit_counts_from_the_moment_it_is_set(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer, limit: str
) -> None:
    await core.setup.save(at(server).model_copy(update={limit: 3}), KEY)
    assert ability(await core.manager.registry.get("box"), RateLimited) is not None
    await core.setup.save(at(server))
    assert ability(await core.manager.registry.get("box"), RateLimited) is None


async def test_no_password_of_the_environment_gets_into_the_settings(core: cores.Core) -> None:
    environ = {"OPENAI_BASE_URL": "http://me:hunter2@127.0.0.1:9/v1"}
    assert core.setup.offers(environ) == []
    offer = Offer("openai-compatible", "It", ("X",), environ["OPENAI_BASE_URL"])
    with pytest.raises(Misconfigured, match="holds a password"):
        await core.setup.accept(offer)
    assert "hunter2" not in written(core)

"""Ollama: its address and key, its models, and those of the cloud behind it."""

import pytest

from app import net
from app.errors import Misconfigured, ModelMissing
from app.llm.providers import interface
from app.llm.providers.ollama import OllamaProvider
from app.llm.providers.wire.ollama_address import server_url
from app.llm.providers.wire.ollama_models import full_name, parameter_count
from app.schema import Endpoint
from tests.adapters.dialects import ask, notices, text
from tests.adapters.ollama.asking import NAME, answer, connected
from tests.fakes.servers.http import Reply, as_json

# The address and the key


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", "http://127.0.0.1:11434"),
        ("http://127.0.0.1:11434/", "http://127.0.0.1:11434"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        ("http://localhost:11434/api/", "http://localhost:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("http://[::]:11434/v1", "http://127.0.0.1:11434"),
        ("::", "http://127.0.0.1:11434"),
        ("http://[::1]:11434", "http://[::1]:11434"),
        ("box", "http://box:11434"),
        ("http://box", "http://box"),
        ("https://me:word@box/ollama/api", "https://me:word@box/ollama"),
    ],
)
def test_an_address_is_cleaned(written, meant):
    assert server_url(written) == meant


def test_what_is_no_address_is_refused():
    with pytest.raises(Misconfigured, match="no address"):
        OllamaProvider(Endpoint("ollama", "ollama", url="ftp://box"))


async def test_the_key_is_sent_where_there_is_one(ollama, provider):
    await provider.list_models()
    assert "authorization" not in ollama.server.last("/api/tags").headers
    async with connected(ollama, key="secret", title="My Ollama") as other:
        assert other.title == "My Ollama"
        await other.list_models()
    assert ollama.server.last("/api/tags").headers["authorization"] == "Bearer secret"


def test_it_has_its_abilities():
    provider = OllamaProvider(Endpoint("ollama", "ollama"))
    for kind in (
        interface.Opens,
        interface.Embeds,
        interface.ManagesMemory,
        interface.Pulls,
        interface.Deletes,
    ):
        assert interface.ability(provider, kind) is provider
    assert not isinstance(provider, interface.LoadsModels)
    assert provider.title == "Ollama"


async def test_health_tells_the_version_or_what_is_wrong(ollama, provider):
    assert (await provider.health()).version == "0.33.2"
    ollama.server.enqueue("/api/version", Reply(b"<html>", content_type="text/html"))
    health = await provider.health()
    assert not health.works
    assert "page" in health.message
    await ollama.server.stop()
    health = await provider.health()
    assert not health.works
    assert "does not answer" in health.message


# The models


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("llama3.2", "library/llama3.2"),
        ("llama3.2:1b", "registry.ollama.ai/library/llama3.2:1b"),
        ("HF.co/Bartowski/Llama-GGUF:Q4_K_M", "hf.co/bartowski/Llama-GGUF:Q4_K_M"),
        (" mannix/phi ", "mannix/phi:latest"),
    ],
)
def test_names_mean_the_same(one, other):
    assert full_name(one) == full_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("llama3.2", "llama3.2:1b"), ("phi", "mannix/phi"), ("box:5000/a/phi", "a/phi:5000")],
)
def test_names_mean_different_models(one, other):
    assert full_name(one) != full_name(other)


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("7.6B", 7_600_000_000),
        ("137M", 137_000_000),
        ("596.78M", 596_780_000),
        ("8x7B", 56_000_000_000),
        ("1T", 1_000_000_000_000),
        ("22k", 22_000),
        ("", 0),
        ("unknown", 0),
        ("1.2.3B", 0),
    ],
)
def test_parameters_are_read(size, count):
    assert parameter_count(size) == count


async def test_models_are_listed_with_what_is_known(ollama, provider):
    ollama.add("big:cloud", size=384, parameters="", quantisation="", remote_host="ollama.com")
    ollama.loaded[NAME] = 4096
    local, cloud = await provider.list_models()
    assert str(local.ref) == "ollama:qwen:latest"
    assert local.name == "qwen"
    assert local.size == 4_683_087_332
    assert local.quantisation == "Q4_K_M"
    assert local.architecture == "qwen2"
    assert local.parameters == 7_600_000_000
    assert local.provider == "Ollama"
    assert (local.is_loaded, local.is_cloud) == (True, False)
    assert (cloud.is_loaded, cloud.is_cloud) == (False, True)
    assert cloud.parameters == 0


async def test_the_list_does_without_the_running_models(ollama, provider):
    del ollama.server.routes["GET", "/api/ps"]
    (only,) = await provider.list_models()
    assert not only.is_loaded


async def test_the_persons_own_list_replaces_the_servers(ollama):
    async with connected(ollama, models=("a", "b:1b")) as provider:
        assert [info.ref.model for info in await provider.list_models()] == ["a", "b:1b"]
    assert not ollama.server.received


async def test_opening_tells_what_only_the_model_itself_says(ollama, provider):
    ollama.add("eye:2b", capabilities=("completion", "vision", "tools", "thinking", "insert"))
    loaded = await provider.open("eye:2b")
    assert loaded.info.features == {"chat", "vision", "tools", "thinking"}
    assert loaded.info.trained_context == 32_768
    assert loaded.info.size == 4_683_087_332
    assert loaded.device == "Ollama"
    listed = {info.ref.model: info for info in await provider.list_models()}
    assert listed["eye:2b"].features == loaded.info.features


async def test_opening_a_model_that_is_not_there(provider):
    with pytest.raises(ModelMissing, match="'nobody' not found"):
        await provider.open("nobody")


async def test_a_model_of_the_cloud_opens_without_being_in_the_list(ollama, provider):
    about = {"details": {"family": "glm"}, "remote_host": "https://ollama.com:443"}
    ollama.server.enqueue("/api/show", as_json(about))
    loaded = await provider.open("glm:cloud")
    assert loaded.info.is_cloud
    assert loaded.info.ref.model == "glm:cloud"


# The cloud's models


async def test_a_cloud_models_context_is_its_own(ollama, provider):
    ollama.add("big:cloud", remote_host="https://ollama.com:443")
    ollama.truncates = True
    chunks = await answer(provider, ask("many words " * 8000), "big:cloud")
    assert notices(chunks) == [
        "Ollama left out a part of what was sent: of at least 11,000 tokens it read 4,098. "
        "Ask for a larger context in its settings, or start a new chat."
    ]
    assert not [item for item in ollama.server.received if item.path == "/api/ps"]


async def test_staying_offline_keeps_from_the_clouds_models(ollama):
    ollama.add("big:cloud", remote_host="https://ollama.com:443")
    lock = net.OfflineLock()
    lock.closed = True
    async with connected(ollama, lock) as provider:
        assert text(await answer(provider)) == "Hello there."
        with pytest.raises(Misconfigured, match="stay offline"):
            await answer(provider, model="big:cloud")
        with pytest.raises(Misconfigured, match="stay offline"):
            await provider.embed("big:cloud", ["a"])
    asked = [item.json for item in ollama.server.received if item.path == "/api/chat"]
    assert [body["model"] for body in asked] == ["qwen"]


@pytest.mark.parametrize(
    ("url", "is_cloud"),
    [
        ("https://ollama.com", True),
        ("https://www.ollama.com/api", True),
        ("https://notollama.com", False),
        ("", False),
    ],
)
def test_the_companys_own_server_is_the_cloud(url, is_cloud):
    assert OllamaProvider(Endpoint("o", "ollama", url=url)).is_cloud is is_cloud

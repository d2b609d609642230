"""Providers are set up, tested and taken away; their keys are in the keyring and nowhere else."""

from pathlib import Path

import pytest

from app import core as cores
from app import credentials
from app.credentials import SERVICE, Credentials
from app.errors import Misconfigured, StorageError
from app.schema import FoundServer
from app.settings import ProviderSettings, SettingsFile
from tests.adapters.managing import Serve
from tests.adapters.setting_up import KEY, at, served, written
from tests.fakes import running
from tests.fakes.key_ring import MemoryKeyring
from tests.fakes.servers.http import FakeServer

MODELS = "/v1/models"


@pytest.fixture
async def server(serve: Serve) -> FakeServer:
    """A server that wants the key."""
    return await serve("tiny", "other", key=KEY)


# Saving


async def test_what_is_saved_is_used_and_its_key_is_in_the_keyring_alone(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    assert await core.setup.save(at(server), KEY)
    assert ring.secrets == {(SERVICE, "box"): KEY}
    assert await core.setup.has_key("box")
    assert '"box"' in written(core)
    assert KEY not in written(core)
    assert await served(core) == ["tiny", "other"]
    assert server.last(MODELS).headers["authorization"] == f"Bearer {KEY}"
    assert SettingsFile(core.paths.settings).settings.providers.named("box") == at(server)
    assert core.setup.configured("box") == at(server)


async def test_the_next_start_finds_provider_and_key(
    tmp_path: Path, ring: MemoryKeyring, server: FakeServer
) -> None:
    async with running.core(tmp_path / "home") as core:
        await core.setup.save(at(server), KEY)
    async with running.core(tmp_path / "home") as core:
        assert await served(core) == ["tiny", "other"]


async def test_a_changed_key_is_used_at_once(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    await core.setup.save(at(server), "wrong")
    with pytest.raises(Misconfigured, match="Invalid API Key"):
        await served(core)
    await core.setup.save(at(server), KEY)
    assert await served(core) == ["tiny", "other"]
    await core.setup.save(at(server, title="My box"))  # None leaves the key
    assert (await core.manager.registry.get("box")).title == "My box"
    assert await served(core) == ["tiny", "other"]
    await core.setup.save(at(server), "")  # and "" forgets it
    assert ring.secrets == {}
    assert not await core.setup.has_key("box")
    with pytest.raises(Misconfigured):
        await served(core)


async def test_what_is_removed_takes_its_key_with_it(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    await core.setup.save(at(server), KEY)
    await core.setup.save(at(server, "other"), "another key")
    await core.setup.remove("box")
    assert ring.secrets == {(SERVICE, "other"): "another key"}
    assert core.setup.configured("box") is None
    assert core.manager.registry.names() == ["local", "other"]
    assert '"box"' not in core.paths.settings.read_text()
    await core.setup.remove("other")
    await core.setup.remove("never there")
    assert ring.secrets == {}


@pytest.mark.usefixtures("no_ring")
async def test_without_a_keyring_a_key_lasts_for_the_run(
    tmp_path: Path, server: FakeServer
) -> None:
    assert not credentials.status().works
    assert "until Hearth is closed" in credentials.status().remedy
    async with running.core(tmp_path / "home") as core:
        assert not await core.setup.save(at(server), KEY)
        assert await core.setup.has_key("box")
        assert await served(core) == ["tiny", "other"]
        assert KEY not in written(core)
    async with running.core(tmp_path / "home") as core:
        assert not await core.setup.has_key("box")
        with pytest.raises(Misconfigured):
            await served(core)


@pytest.mark.usefixtures("no_ring")
async def test_a_key_of_the_run_is_forgotten_with_its_provider(
    core: cores.Core, server: FakeServer
) -> None:
    await core.setup.save(at(server), KEY)
    await core.setup.remove("box")
    assert not await core.setup.has_key("box")


async def test_a_locked_keyring_is_no_keyring(ring: MemoryKeyring) -> None:
    kept = Credentials()
    assert await kept.put("box", "old")
    ring.locked = True
    assert await Credentials().get("box") == ""
    assert not await kept.put("box", KEY)
    ring.locked = False
    assert await kept.get("box") == KEY, "the newer one, though the keyring has the older"
    assert await kept.put("box", KEY)
    assert ring.secrets == {(SERVICE, "box"): KEY}
    ring.locked = True
    await kept.remove("box")
    assert await kept.get("box") == ""


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (ProviderSettings(name="a", kind="odd", url="http://x"), "no kind of provider"),
        (ProviderSettings(name="a", kind="openai-compatible"), "no address of a server"),
        (ProviderSettings(name="a", kind="vllm", url="http://a b"), "no address of a server"),
        (ProviderSettings(name="a", kind="vllm", url="ftp://a"), "no address of a server"),
        (ProviderSettings(name="local", kind="vllm"), "belongs to Hearth's own models"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_work_is_not_saved(
    core: cores.Core, ring: MemoryKeyring, provider: ProviderSettings, message: str
) -> None:
    with pytest.raises(Misconfigured, match=message) as caught:
        await core.setup.save(provider, KEY)
    assert caught.value.remedy
    assert ring.secrets == {}
    assert not core.paths.settings.exists()
    assert not (await core.setup.test(provider, KEY)).works


async def test_settings_that_cannot_be_written_are_told_and_change_nothing(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    core.paths.settings.mkdir()
    with pytest.raises(StorageError, match="could not be saved"):
        await core.setup.save(at(server), KEY)
    assert core.setup.configured("box") is None
    assert core.manager.registry.names() == ["local"]
    assert ring.secrets == {}


async def test_new_settings_have_a_name_that_is_free(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    assert core.setup.new("vllm") == ProviderSettings(name="vllm", kind="vllm")
    for name in ("vllm", "vllm-2"):
        await core.setup.save(at(server, name))
    assert core.setup.new("vllm").name == "vllm-3"
    assert core.setup.new("ollama").name == "ollama"
    assert [core.setup.new(kind).name for kind in ("My Kind!", "_Über_", "???")] == [
        "my-kind",
        "ber",
        "provider",
    ]


async def test_what_can_be_set_up_is_listed_by_its_title(core: cores.Core) -> None:
    titles = [kind.title for kind in core.setup.kinds()]
    assert titles == sorted(titles, key=str.casefold)
    assert {"Anthropic", "Google Gemini", "Ollama", "OpenAI", "vLLM"} <= set(titles)


# Testing


async def test_a_test_tells_how_many_models_there_are_and_saves_nothing(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer, serve: Serve
) -> None:
    health = await core.setup.test(at(server), KEY)
    assert (health.works, health.version) == (True, "1.2.3")
    assert health.message == "It answers, with 2 models."
    assert (await core.setup.test(at(await serve("tiny")))).message == "It answers, with 1 model."
    assert ring.secrets == {}
    assert core.manager.registry.names() == ["local"]
    assert not core.paths.settings.exists()


async def test_a_test_uses_the_key_that_is_kept(
    core: cores.Core, ring: MemoryKeyring, server: FakeServer
) -> None:
    await core.setup.save(at(server), KEY)
    assert (await core.setup.test(at(server))).works
    refused = await core.setup.test(at(server), "wrong")
    assert not refused.works
    assert "Invalid API Key" in refused.message
    assert not (await core.setup.test(at(server), "")).works
    assert KEY not in refused.message


async def test_a_test_says_what_is_wrong(
    core: cores.Core, ring: MemoryKeyring, serve: Serve
) -> None:
    health = await core.setup.test(ProviderSettings(name="openai", kind="openai"))
    assert (health.works, health.message) == (
        False,
        "OpenAI needs a key. Give one in the provider's settings.",
    )
    away = await serve()
    settings = at(away)
    await away.stop()
    health = await core.setup.test(settings)
    assert not health.works
    assert health.message.startswith("vLLM does not answer at http://127.0.0.1:")


async def test_a_server_elsewhere_leaves_the_found_one_its_name(core: cores.Core) -> None:
    registry, setup = core.manager.registry, core.setup
    await registry.take_found([FoundServer("Ollama", "http://127.0.0.1:11434", "ollama")])
    assert setup.new("ollama", "http://192.0.2.7:11434").name == "ollama-2"
    assert setup.new("ollama", "http://localhost:11434").name == "ollama"  # it is the same one

"""Without the extra `transformers` the provider is listed with the line that installs it."""

import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from keyring.backends.null import Keyring as NullKeyring

from app import core as cores
from app.errors import HearthError, Misconfigured
from app.llm.providers.huggingface import extra
from app.llm.providers.kinds import kinds
from app.llm.providers.transformers_local import TransformersProvider
from app.llm.state import Phase
from app.schema import Endpoint, ModelRef
from app.settings import ProviderSettings
from tests.adapters.asking import QUESTION
from tests.adapters.managing import serving, whole
from tests.fakes import running
from tests.fakes.key_ring import in_use

LINE = '.venv/bin/pip install -e ".[transformers]"'
QWEN = "Qwen/Qwen3-0.6B"
LAZY = """
import asyncio, sys
from app.llm.providers import kinds
from app.llm.providers.transformers_local import TransformersProvider
from app.schema import Endpoint

async def look():
    provider = TransformersProvider(Endpoint("hf", "transformers", models=("a/b",)))
    await provider.health()
    await provider.list_models()
    await provider.running()
    await provider.aclose()

kinds.kinds()
asyncio.run(look())
print(sorted({"torch", "transformers", "numpy", "tokenizers"} & set(sys.modules)))
"""


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without the extra, whatever this one has."""
    find = importlib.util.find_spec

    def hidden(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in extra.MODULES else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hidden)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[cores.Core]:
    with in_use(NullKeyring()):
        async with running.core(tmp_path / "home") as built:
            yield built


def settings(*models: str) -> ProviderSettings:
    return ProviderSettings(name="hf", kind="transformers", models=models)


@pytest.mark.usefixtures("missing")
async def test_it_is_listed_with_the_line_and_nothing_else_is_affected(core: cores.Core) -> None:
    async with serving() as serve:
        server = await serve("tiny")
        await core.setup.save(settings(QWEN))
        await core.setup.save(ProviderSettings(name="box", kind="vllm", url=server.url))
        status = {one.name: one for one in await core.manager.providers()}
        assert not status["hf"].health.works
        assert status["hf"].health.message.endswith(f"Install them with: {LINE}")
        assert not status["hf"].is_own
        assert status["hf"].url == ""
        assert status["local"].health.works
        assert status["box"].health.works
        assert [str(model.ref) for model in await core.manager.models()][-2:] == [
            f"hf:{QWEN}",
            "box:tiny",
        ]
        await core.manager.load(ModelRef("box", "tiny"))
        with pytest.raises(Misconfigured):
            await core.manager.load(ModelRef("hf", QWEN))
        assert core.manager.state.phase is Phase.READY, "the model before it is still there"
        assert core.manager.state.ref == ModelRef("box", "tiny")
        assert (await whole(core.manager)).text


@pytest.mark.usefixtures("missing")
async def test_every_question_is_answered_with_the_line() -> None:
    provider = TransformersProvider(Endpoint("hf", "transformers", models=(QWEN,)))
    raised: list[HearthError] = []
    try:
        for ask in (
            lambda: provider.open(QWEN),
            lambda: provider.load_remote(QWEN),
            lambda: provider.count_tokens(QWEN, QUESTION),
            lambda: provider.embed(QWEN, ["text"]),
        ):
            with pytest.raises(Misconfigured) as caught:
                await ask()
            raised.append(caught.value)
        async with aclosing(provider.stream(QWEN, QUESTION)) as chunks:
            with pytest.raises(Misconfigured) as caught:
                await anext(chunks)
        raised.append(caught.value)
        assert all("torch and transformers, which are not installed" in str(one) for one in raised)
        assert all(one.remedy == f"Install them with: {LINE}" for one in raised)
        assert await provider.running() == []
        assert [model.name for model in await provider.list_models()] == [QWEN]
    finally:
        await provider.aclose()


@pytest.mark.usefixtures("missing")
async def test_the_kind_tells_what_is_missing(core: cores.Core) -> None:
    [kind] = [kind for kind in core.setup.kinds() if kind.kind == "transformers"]
    assert not kind.needs_url
    assert not kind.needs_key
    assert not kind.is_cloud
    assert LINE in kind.missing
    assert not any(one.missing for one in kinds().values() if one.kind != "transformers")
    health = await core.setup.test(settings(QWEN))
    assert not health.works
    assert LINE in health.message


async def test_it_is_set_up_by_names_and_without_an_address(core: cores.Core) -> None:
    with pytest.raises(Misconfigured, match="at least one name"):
        await core.setup.save(settings())
    assert core.setup.configured("hf") is None
    wanted = ProviderSettings(
        name="hf", kind="transformers", models=(QWEN, "/models/a"), device="cpu"
    )
    await core.setup.save(wanted)
    assert core.setup.configured("hf") == wanted
    provider = await core.manager.registry.get("hf")
    assert provider.title == "Transformers"
    assert [model.name for model in await provider.list_models()] == [QWEN, "a"]
    assert core.manager.registry.endpoints["hf"].device == "cpu"


@pytest.mark.usefixtures("missing")
def test_without_the_sources_another_line_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(extra, "CHECKOUT", tmp_path)
    lacking = extra.missing()
    assert lacking is not None
    assert lacking.remedy == 'Install them with: pip install "hearth[transformers]"'


async def test_packages_that_cannot_be_started_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "missing", lambda: None)
    for name in ("torch", "transformers", "app.llm.providers.huggingface.engine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    provider = TransformersProvider(Endpoint("hf", "transformers", models=(QWEN,)))
    try:
        with pytest.raises(Misconfigured, match="cannot be started") as caught:
            await provider.open(QWEN)
    finally:
        await provider.aclose()
    assert LINE in caught.value.remedy
    assert "torch" in caught.value.details


def test_looking_at_it_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr

"""The program around it: set up without an address, loaded, asked, unloaded and let go."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from keyring.backends.null import Keyring as NullKeyring

from app import core as cores
from app.errors import ModelMissing
from app.llm.idle import IdleUnload
from app.llm.providers.interface import LoadsModels, ability
from app.llm.state import Phase
from app.schema import ModelRef
from app.settings import ProviderSettings
from tests.adapters.asking import QUESTION
from tests.adapters.managing import whole
from tests.fakes import running
from tests.fakes.key_ring import in_use
from tests.transformers.conftest import REPLY


@pytest.fixture
async def core(tmp_path: Path, parrot: str, tiny: str) -> AsyncIterator[cores.Core]:
    """The core as the program builds it, with two providers of this kind."""
    with in_use(NullKeyring()):
        async with running.core(tmp_path / "home") as built:
            for name, models in (("hf", (parrot, tiny)), ("second", (tiny,))):
                await built.setup.save(
                    ProviderSettings(name=name, kind="transformers", models=models)
                )
            yield built


async def loaded(core: cores.Core, name: str) -> str | None:
    """The model that a provider holds in memory."""
    loader = ability(await core.manager.registry.get(name), LoadsModels)  # type: ignore[type-abstract]
    assert loader is not None
    return loader.loaded


async def test_it_is_tested_listed_and_asked_like_any_other(core: cores.Core, parrot: str) -> None:
    settings = core.setup.configured("hf")
    assert settings is not None
    assert (await core.setup.test(settings)).message == "It answers, with 2 models."
    [status] = [one for one in await core.manager.providers() if one.name == "hf"]
    assert status.health.works
    assert status.abilities == {"embed", "load"}
    await core.manager.load(ModelRef("hf", parrot))
    assert core.manager.state.loaded is not None
    assert core.manager.state.loaded.info.name == "parrot"
    said = await whole(core.manager)
    assert said.text == REPLY
    assert said.finish.model == ModelRef("hf", parrot)
    assert (await core.manager.count_tokens(QUESTION)).tokens == said.finish.usage.prompt_tokens
    assert len((await core.manager.embed(["a"]))[0]) > 200


async def test_one_model_is_in_memory_whichever_provider_has_it(
    core: cores.Core, parrot: str, tiny: str
) -> None:
    await core.manager.load(ModelRef("hf", parrot))
    await core.manager.load(ModelRef("second", tiny))
    assert await loaded(core, "hf") is None
    assert await loaded(core, "second") == tiny
    with pytest.raises(ModelMissing):
        await core.manager.load(ModelRef("hf", "acme/never-there"))
    assert core.manager.state.phase is Phase.IDLE
    await core.manager.load(ModelRef("hf", parrot))
    assert (await whole(core.manager)).text == REPLY


async def test_it_is_unloaded_and_comes_back(core: cores.Core, parrot: str) -> None:
    await core.manager.load(ModelRef("hf", parrot))
    await core.manager.unload()
    assert await loaded(core, "hf") is None
    assert core.manager.state.phase is Phase.IDLE
    assert (await whole(core.manager)).text == REPLY
    now = 0.0
    idle = IdleUnload(core.manager, lambda: 5, clock=lambda: now)
    now = 301.0
    await idle.look()
    await idle.aclose()
    assert await loaded(core, "hf") is None
    assert (await whole(core.manager)).text == REPLY


async def test_what_is_set_anew_is_made_anew(core: cores.Core, parrot: str) -> None:
    await core.manager.load(ModelRef("hf", parrot))
    before = await core.manager.registry.get("hf")
    settings = core.setup.configured("hf")
    assert settings is not None
    await core.setup.save(settings.model_copy(update={"context": 100}))
    assert await core.manager.registry.get("hf") is not before
    await core.manager.load(ModelRef("hf", parrot))
    assert core.manager.state.loaded is not None
    assert core.manager.state.loaded.context == 100


LOOK = """
import asyncio, sys, threading
from app.llm.providers.transformers_local import TransformersProvider
from app.schema import Endpoint

main = threading.main_thread()
importers = {}

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "transformers"):
            importers.setdefault(name, threading.current_thread() is main)

sys.meta_path.insert(0, Watch())

async def load():
    provider = TransformersProvider(Endpoint("hf", "transformers", models=(sys.argv[1],)))
    await provider.open(sys.argv[1])
    await provider.aclose()

importers.clear()
asyncio.run(load())
print(sorted(importers.items()), "torch" in sys.modules)
"""


def test_torch_is_imported_on_the_models_thread(tiny: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, tiny], capture_output=True, text=True)
    assert done.stdout == "[('torch', False), ('transformers', False)] True\n", done.stderr
    assert done.stderr == ""

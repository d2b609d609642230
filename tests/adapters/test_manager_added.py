"""The LLM manager over providers that packages add."""

import sys
from pathlib import Path

import pytest

from app.errors import ApiError, HearthError, ModelMissing
from app.llm.state import Phase
from app.schema import Endpoint, ModelRef
from tests.adapters.managing import LOCAL, ONE, managed
from tests.fakes.servers.http import FakeServer

EXAMPLE = Path(__file__).parents[1] / "examples" / "hearth_echo"
BROKEN = """
class Provider:
    title = "Broken"

    def __init__(self, endpoint):
        if endpoint.models:
            raise OSError("no such device")

    async def list_models(self):
        raise KeyError("list")

    async def health(self):
        raise RuntimeError

    async def count_tokens(self, model, request):
        return 1 / 0

    async def stream(self, model, request):
        raise ValueError("stream")
        yield

    async def aclose(self):
        raise ConnectionError("close")
"""


def add(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: str) -> None:
    """Puts a package's description where Python finds it, as pip does."""
    described = folder / f"{kind}-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {kind}\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(f"[hearth.providers]\n{kind} = {where}\n")
    monkeypatch.syspath_prepend(folder)


async def test_a_package_adds_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with managed(Endpoint("mine", "echo")) as made:
        with pytest.raises(HearthError, match="no provider of the kind “echo”"):
            await made.manager.load(ModelRef("mine", "parrot"))
        add(tmp_path, monkeypatch, "echo", "hearth_echo:EchoProvider")
        monkeypatch.syspath_prepend(EXAMPLE)
        parrot = ModelRef("mine", "parrot")
        assert parrot in [model.ref for model in await made.manager.models()]
        await made.manager.load(parrot)
        assert made.manager.state.phase is Phase.READY
        said = await made.ask()
        assert (said.text, said.finish.model) == ("Say hello.", parrot)
        standing = (await made.manager.providers())[1]
        assert (standing.title, standing.health.version) == ("Echo", "1.0")
        await made.manager.load(ModelRef("mine", "a name that is not in its list"))
        assert (await made.ask()).text == "Say hello."


async def test_a_packages_mistakes_are_told_and_harm_nobody_else(
    first: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_provider.py").write_text(BROKEN)
    add(tmp_path, monkeypatch, "broken", "broken_provider:Provider")
    add(tmp_path, monkeypatch, "absent", "no_such_module:Provider")
    monkeypatch.delitem(sys.modules, "broken_provider", raising=False)
    endpoints = [
        Endpoint("broken", "broken"),
        Endpoint("raising", "broken", models=("x",)),
        Endpoint("absent", "absent"),
        Endpoint("one", "vllm", first.url),
    ]
    async with managed(*endpoints) as made:
        assert [str(model.ref) for model in await made.manager.models()] == [str(LOCAL), str(ONE)]
        messages = {one.name: one.health.message for one in await made.manager.providers()}
        assert messages == {
            "fake": "",
            "broken": "The added provider “broken” failed: RuntimeError.",
            "raising": "The added provider “broken” cannot be started: no such device.",
            "absent": "The added provider “absent” cannot be started: "
            "No module named 'no_such_module'.",
            "one": "",
        }
        await made.manager.load(LOCAL)
        with pytest.raises(ApiError, match="“broken” failed: 'list'"):
            await made.manager.load(ModelRef("broken", "m"))
        provider = await made.manager.registry.get("broken")
        with pytest.raises(ApiError, match="“broken” failed: division by zero"):
            await provider.count_tokens("m", None)  # type: ignore[arg-type]
        said = await made.ask()
        assert said.finish.model == LOCAL
        await made.manager.load(ONE)
        made.local.load_error = ModelMissing("Gone.")
        await first.stop()
        _, error = await made.broken(ModelRef("broken", "m"), LOCAL)
        assert error is made.local.load_error

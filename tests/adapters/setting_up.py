"""What the tests of setting up providers share."""

from typing import Any

from app import core as cores
from app.settings import ProviderSettings
from tests.fakes.servers.http import FakeServer

KEY = "sk-very-secret-0123456789"


def at(server: FakeServer, name: str = "box", **more: Any) -> ProviderSettings:
    return ProviderSettings(name=name, kind="vllm", url=server.url, **more)


def written(core: cores.Core) -> str:
    """Everything that Hearth has written to files."""
    folder = core.paths.config
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


async def served(core: cores.Core, name: str = "box") -> list[str]:
    provider = await core.manager.registry.get(name)
    return [model.ref.model for model in await provider.list_models()]

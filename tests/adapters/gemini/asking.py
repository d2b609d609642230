"""What the tests of the Gemini provider share."""

from contextlib import aclosing
from typing import Any

from app import net
from app.llm.providers.gemini import GeminiProvider
from app.schema import Endpoint
from tests.adapters.dialects import Asking, ask
from tests.fakes.servers import gemini as fake
from tests.fakes.servers.http import FakeServer

STREAM = fake.path(fake.CHAT, "streamGenerateContent")
BUSY = fake.error(503, "UNAVAILABLE", "The model is overloaded.")

answer = Asking(fake.CHAT).answer
broken = Asking(fake.CHAT).broken


def connected(
    server: FakeServer, lock: net.OfflineLock | None = None, **settings: Any
) -> aclosing[GeminiProvider]:
    about = {"url": server.url, "key": fake.KEY, **settings}
    return aclosing(GeminiProvider(Endpoint("google", "gemini", **about), lock))


def sent(server: FakeServer, model: str = fake.CHAT) -> Any:
    return server.last(fake.path(model, "streamGenerateContent")).json


async def config_for(server: FakeServer, model: str = fake.CHAT, **changes: Any) -> Any:
    """The generationConfig that a request makes."""
    async with connected(server) as provider:
        await answer(provider, ask(**changes), model)
    return sent(server, model).get("generationConfig", {})

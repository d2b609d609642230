"""What the tests of the Anthropic provider share."""

from contextlib import aclosing
from typing import Any

from app import net
from app.llm.providers.anthropic import AnthropicProvider
from app.schema import Endpoint
from tests.adapters.dialects import Asking, ask
from tests.fakes.servers import anthropic as fake
from tests.fakes.servers.http import FakeServer

NEW, MIDDLE, OLD = "claude-new-1", "claude-middle-1", "claude-old-1"

answer = Asking(NEW).answer
broken = Asking(NEW).broken


def connected(
    server: FakeServer, lock: net.OfflineLock | None = None, **settings: Any
) -> aclosing[AnthropicProvider]:
    about = {"url": server.url, "key": fake.KEY, **settings}
    return aclosing(AnthropicProvider(Endpoint("claude", "anthropic", **about), lock))


def sent(server: FakeServer) -> Any:
    return server.last(fake.MESSAGES).json


async def sent_for(server: FakeServer, model: str = NEW, **changes: Any) -> Any:
    """The body that a request makes."""
    async with connected(server) as provider:
        await answer(provider, ask(**changes), model)
    return sent(server)

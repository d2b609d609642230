"""What the tests of the Ollama provider share."""

from contextlib import aclosing
from typing import Any

from app import net
from app.llm.providers.ollama import OllamaProvider
from app.schema import Endpoint
from tests.adapters.dialects import Asking
from tests.fakes.servers.ollama import Ollama

NAME = "qwen:latest"
DONE: dict[str, Any] = {"message": {"content": ""}, "done": True, "done_reason": "stop"}

answer = Asking("qwen").answer
broken = Asking("qwen").broken


def say(text: str = "", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text, **more}, "done": False}


def connected(
    ollama: Ollama, lock: net.OfflineLock | None = None, **settings: Any
) -> aclosing[OllamaProvider]:
    endpoint = Endpoint("ollama", "ollama", **{"url": ollama.server.url, **settings})
    return aclosing(OllamaProvider(endpoint, lock))


def sent(ollama: Ollama, path: str = "/api/chat") -> Any:
    return ollama.server.last(path).json

"""Has huggingface_hub speak through Hearth's own client; imported when it is first needed.

The library holds one HTTP session for the process and works in threads that nothing can stop. Its
session is replaced by one that hands each request to the event loop: proxy, certificates, time-outs
and the offline lock are Hearth's then, no token is found by itself, and a cancelled call ends.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

import httpx2
from huggingface_hub import HfApi, constants, get_session, set_client_factory
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

from app.errors import ModelMissing
from app.library.hub import failures
from app.library.hub.asking import Request
from app.library.hub.line import Line

Result = TypeVar("Result")
UNPACKED = ("content-encoding", "content-length", "transfer-encoding")
SENT = ("accept", "content-type")  # of the library's headers; the rest tells about the person
_LINE: ContextVar[Line] = ContextVar("line")  # of the call that a thread works for

# Beside saying more than it needs, it would fetch and keep a list of programs in its own cache.
constants.HF_HUB_DISABLE_TELEMETRY = True


class _Transport(httpx2.BaseTransport):
    """Sends nothing itself."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer that the line brings; without a line there is no way out."""
        line = _LINE.get(None)
        if line is None:
            raise OfflineModeIsEnabled("Hearth asks Hugging Face through its own library alone.")
        headers = {name: request.headers[name] for name in SENT if name in request.headers}
        reply = line.ask(Request(request.method, str(request.url), headers, request.read()))
        fields = {name: said for name, said in reply.headers.items() if name not in UNPACKED}
        return httpx2.Response(reply.status, headers=fields, content=reply.body, request=request)


class _Session(httpx2.Client):
    """Known by its type, so that it is put in place once."""


def _session() -> httpx2.Client:
    return _Session(transport=_Transport(), trust_env=False, follow_redirects=False)


def run(line: Line, endpoint: str, work: Callable[[HfApi], Result]) -> Result:
    """The result of `work` with the library, in a thread of its own.

    Raises:
        ProviderError: the answer was an error, or cannot be read.
        concurrent.futures.CancelledError: the line was closed.
    """
    if not isinstance(get_session(), _Session):
        set_client_factory(_session)
    token = _LINE.set(line)
    name = line.question.name
    try:
        return work(HfApi(endpoint=endpoint, token=False))
    except HFValidationError as error:
        raise ModelMissing(
            f"“{line.question.repo}” is no name of a repository.",
            "A name has two parts, as in ggml-org/gemma-3-4b-it-GGUF.",
            str(error),
            provider=name,
        ) from error
    # The library takes each answer for well-formed.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise failures.damaged_reply(name, repr(error)) from error
    finally:
        _LINE.reset(token)

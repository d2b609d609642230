"""The real server of llama-cpp-python, with real models, through the provider for it."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.errors import Misconfigured, ModelMissing, ProviderError, StreamCut
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.policies.retry import Patience, Retrying
from app.llm.providers.profiles import PROFILES
from app.schema import Chunk, FinishReason, Message, Request, Role, Sampling
from tests.adapters.asking import QUESTION, ask, endpoint, until
from tests.conftest import PARROT_REPLY

PACKAGES = ("uvicorn", "fastapi", "sse_starlette", "starlette_context", "pydantic_settings")
KEY = "sk-local"
START_SECONDS = 120.0
TRIES = 3  # of finding a port that stays free until the server has it
GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True)
class Program:
    """The running server."""

    url: str
    log: Path

    def disconnects(self) -> int:
        """How often it has noticed that a client was gone."""
        return self.log.read_text(errors="replace").count("Disconnected from client")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _settings(port: int, parrot: Path, endless: Path) -> dict[str, Any]:
    usual = {"n_threads": 1, "n_threads_batch": 1, "n_gpu_layers": 0, "verbose": False}
    return {
        "host": "127.0.0.1",
        "port": port,
        "api_key": KEY,
        "models": [
            {"model": str(parrot), "model_alias": "parrot", "n_ctx": 1024, **usual},
            {"model": str(endless), "model_alias": "endless", "n_ctx": 8192, **usual},
        ],
    }


def _starts(process: subprocess.Popen[bytes], program: Program) -> bool:
    """Waits until the server answers; false where another program has taken its port meanwhile."""
    request = urllib.request.Request(f"{program.url}/v1/models")
    request.add_header("Authorization", f"Bearer {KEY}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with opener.open(request, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    log = program.log.read_text(errors="replace")
    if process.poll() is not None and "address already in use" in log:
        return False
    pytest.fail(f"the server did not start:\n{log}")


@contextmanager
def _running(
    folder: Path, settings: dict[str, Any]
) -> Iterator[tuple[subprocess.Popen[bytes], Program]]:
    made = Program(f"http://127.0.0.1:{settings['port']}", folder / "log.txt")
    config = folder / "config.json"
    config.write_text(json.dumps(settings))
    # The server reads its settings from the environment too, so that it gets hardly any of it.
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
    command = [sys.executable, "-m", "llama_cpp.server", "--config_file", str(config)]
    with made.log.open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**kept, "PYTHONUNBUFFERED": "1"},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process, made
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def program(
    parrot: Path, endless: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    assert not missing, f"llama-cpp-python[server] is part of the extra `dev`; missing: {missing}"
    folder = tmp_path_factory.mktemp("llama_cpp_server")
    for _ in range(TRIES):
        settings = _settings(_free_port(), parrot, endless)
        with _running(folder, settings) as (process, made):
            if _starts(process, made):
                yield made
                return
    pytest.fail(f"no port stayed free in {TRIES} tries")


def connect(program: Program, key: str = KEY) -> OpenAIProvider:
    return OpenAIProvider(endpoint(program.url, key=key), PROFILES["llama-cpp-python"])


@pytest.fixture
async def provider(program: Program) -> AsyncIterator[OpenAIProvider]:
    made = connect(program)
    yield made
    await made.aclose()


def chat(text: str = "Hi", **sampling: Any) -> Request:
    return Request((Message(Role.USER, text),), sampling=Sampling(temperature=0.0, **sampling))


async def rest(stream: AsyncGenerator[Chunk, None]) -> list[Chunk]:
    """What is still to come of a stream."""
    return [chunk async for chunk in stream]


async def test_the_models_are_listed_by_their_aliases(provider: OpenAIProvider) -> None:
    assert [info.ref.model for info in await provider.list_models()] == ["parrot", "endless"]
    assert (await provider.open("endless")).info.name == "endless"
    with pytest.raises(ModelMissing):
        await provider.open("another")
    assert (await provider.health()).works


async def test_an_answer_streams_whole_and_its_counts_are_called_estimates(
    provider: OpenAIProvider,
) -> None:
    said = await ask(provider, chat(), "parrot")
    assert said.text == PARROT_REPLY
    assert len([chunk for chunk in said.chunks if chunk.text]) > 10
    assert said.finish.reason is FinishReason.STOP
    assert said.finish.usage.is_estimate, "it tells no usage in a stream"
    assert said.finish.usage.generated_tokens > 10


async def test_the_limit_of_tokens_is_kept(provider: OpenAIProvider) -> None:
    said = await ask(provider, chat(max_tokens=3), "parrot")
    assert said.finish.reason is FinishReason.LENGTH
    assert said.text
    assert PARROT_REPLY.startswith(said.text)


async def test_a_text_is_continued_to_its_end_and_not_for_sixteen_tokens_only(
    provider: OpenAIProvider,
) -> None:
    said = await ask(provider, Request(raw="The parrot says:", sampling=GREEDY), "parrot")
    assert said.text == PARROT_REPLY
    assert said.finish.reason is FinishReason.STOP


async def test_another_model_is_loaded_when_it_is_asked(provider: OpenAIProvider) -> None:
    said = await ask(provider, chat(max_tokens=5), "endless")
    assert said.text.startswith("word0 word1")
    assert (await ask(provider, chat(), "parrot")).text == PARROT_REPLY


async def test_tokens_are_counted_by_the_servers_tokenizer(provider: OpenAIProvider) -> None:
    short = await provider.count_tokens("parrot", Request(raw="Hi"))
    long = await provider.count_tokens("parrot", Request(raw="Hi" * 50))
    assert (short.method, long.method) == ("", "")
    assert 0 < short.tokens < long.tokens
    assert "without its template" in (await provider.count_tokens("parrot", QUESTION)).method


async def test_it_notices_that_a_stream_was_closed(
    program: Program, provider: OpenAIProvider
) -> None:
    before = program.disconnects()
    async with aclosing(provider.stream("endless", chat())) as stream:
        for _ in range(3):
            await anext(stream)
    await until(lambda: program.disconnects() > before)
    assert (await ask(provider, chat(), "parrot")).text == PARROT_REPLY


async def test_an_answer_that_another_program_interrupts_was_cut(
    program: Program, provider: OpenAIProvider
) -> None:
    other = connect(program)
    async with aclosing(provider.stream("endless", chat())) as stream:
        await anext(stream)
        assert len(await other.list_models()) == 2
        with pytest.raises(StreamCut):
            await rest(stream)
    await other.aclose()


async def test_hearth_itself_interrupts_nothing(provider: OpenAIProvider) -> None:
    async with aclosing(provider.stream("endless", chat(max_tokens=200))) as stream:
        got = [await anext(stream)]
        assert await provider.list_models()
        assert (await provider.health()).works
        assert (await provider.count_tokens("endless", QUESTION)).tokens > 0
        got += await rest(stream)
    assert got[-1].finish is not None
    assert got[-1].finish.reason is FinishReason.LENGTH


async def test_a_prompt_that_is_longer_than_the_context_ends_in_one_of_our_errors(
    provider: OpenAIProvider,
) -> None:
    with pytest.raises(ProviderError) as caught:
        await ask(provider, chat("x " * 5000), "parrot")
    assert caught.value.remedy
    # The server closes that connection a moment later; the program's own patience covers it.
    patient = Retrying(provider, Patience())
    assert (await ask(patient, chat(), "parrot")).text == PARROT_REPLY


async def test_a_wrong_key_is_told_as_one(program: Program) -> None:
    provider = connect(program, key="sk-wrong")
    with pytest.raises(Misconfigured) as caught:
        await ask(provider, chat(), "parrot")
    assert caught.value.status == 401
    assert "key" in caught.value.remedy
    assert not (await provider.health()).works
    await provider.aclose()

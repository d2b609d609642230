"""The speed of servers' models: asked in their own dialects, reckoned from what they tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from app.errors import GenerationError, HearthError, ModelMissing
from app.llm import server_bench, trials
from app.llm.server_bench import Report
from app.schema import Endpoint, ModelRef
from tests.adapters.managing import Managed, managed
from tests.fakes.servers import openai
from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, running
from tests.fakes.servers.llama_server import LlamaServer
from tests.fakes.servers.lm_studio import LMStudio
from tests.fakes.servers.ollama import Ollama

READ = trials.Test(200, is_prompt=True, runs=3)
WRITE = trials.Test(16, is_prompt=False, runs=2)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with running(FakeServer()) as started:
        yield started


@asynccontextmanager
async def at(server: FakeServer, kind: str) -> AsyncIterator[Managed]:
    async with managed(Endpoint("box", kind, server.url)) as made:
        yield made


async def measured(
    made: Managed, *tests: trials.Test, model: str = "tiny"
) -> dict[trials.Test, Report]:
    """The last report of each test."""
    bench = server_bench.bench(made.manager, ModelRef("box", model), tests)
    async with aclosing(bench) as reports:
        return {report.asked: report async for report in reports}


def texts(server: FakeServer, path: str, field: str = "prompt") -> list[Any]:
    return [one.json[field] for one in server.received if one.path == path]


async def test_llama_server_is_taken_at_its_own_times(server: FakeServer) -> None:
    LlamaServer(server)
    async with at(server, "llama-server") as made:
        told = await measured(made, READ, WRITE)
    read, write = told[READ], told[WRITE]
    assert (read.test.name, read.left) == (f"pp{read.test.tokens}", 0)
    assert read.test.tokens == pytest.approx(READ.tokens, abs=2), "the server counts before"
    assert not read.is_estimate
    assert read.runs.rates == pytest.approx([200 / 0.02] * 3, rel=0.01)  # prompt_ms
    assert (write.test.name, write.is_estimate) == ("tg3", False), "it ended its answer by itself"
    assert write.runs.rates == pytest.approx([2 / 1.5] * 2), "the first token is the prompt's"


async def test_no_prompt_begins_like_another(server: FakeServer) -> None:
    LlamaServer(server)
    async with at(server, "llama-server") as made:
        await measured(made, READ, WRITE)
    sent = texts(server, "/v1/completions")
    assert len(sent) == 1 + 1 + READ.runs + WRITE.runs  # the first loads, the second warms up
    assert len({text.split()[0] for text in sent}) == len(sent)
    limits = texts(server, "/v1/completions", "max_tokens")
    assert limits[1:] == [1] * (1 + READ.runs) + [WRITE.tokens] * WRITE.runs
    assert set(texts(server, "/v1/completions", "temperature")) == {0}


async def test_what_was_in_the_cache_is_taken_off(server: FakeServer) -> None:
    fake = LlamaServer(server)
    fake.chat.cached = 3
    async with at(server, "llama-server") as made:
        report = (await measured(made, READ))[READ]
    assert report.test.tokens == pytest.approx(197, abs=2)
    assert report.runs.rate == pytest.approx(197 / 0.02, rel=0.01)


async def test_ollama_counts_only_while_it_answers(server: FakeServer) -> None:
    fake = Ollama(server)
    fake.add("tiny:latest")
    async with at(server, "ollama") as made:
        told = await measured(made, READ, WRITE)
    read = told[READ]
    assert read.test.tokens == pytest.approx(READ.tokens, rel=0.05)
    assert read.runs.rate == pytest.approx(read.test.tokens / 0.5, rel=0.05)
    assert not read.is_estimate
    assert told[WRITE].runs.rates == pytest.approx([2 / 2.0] * 2)
    assert server.last("/api/generate").json["raw"], "without a chat template"


async def test_a_run_is_counted_with_its_own_number_of_tokens(server: FakeServer) -> None:
    fake = Ollama(server)
    fake.add("tiny:latest")
    async with at(server, "ollama") as made:
        report = (await measured(made, READ))[READ]
    counts = [len(text) // 4 + 1 for text in texts(server, "/api/generate")][-READ.runs :]
    assert report.test.tokens == sorted(counts)[1]
    assert report.runs.rates == pytest.approx([count / 0.5 for count in counts])


async def test_a_server_that_does_not_tell_is_timed_from_here(server: FakeServer) -> None:
    LMStudio(server).add("tiny")
    async with at(server, "lm-studio") as made:
        told = await measured(made, READ, WRITE)
    assert told[READ].is_estimate
    assert told[READ].runs.rate > 0
    assert not told[WRITE].is_estimate, "the time of the answer it does tell"
    assert told[WRITE].runs.rate == pytest.approx(2 / 1.5)


async def test_where_only_chats_are_answered_a_chat_is_asked(server: FakeServer) -> None:
    openai.fill(server, "vllm")
    del server.routes["POST", "/v1/completions"]
    async with at(server, "vllm") as made:
        told = await measured(made, READ, WRITE)
    assert told[READ].test.tokens == pytest.approx(READ.tokens, abs=2), "with its template"
    assert told[WRITE].is_estimate
    asked = texts(server, "/v1/chat/completions", "messages")
    heads = [turns[0]["content"].split()[0] for turns in asked]
    assert len(set(heads)) == len(heads) == 1 + 1 + READ.runs + WRITE.runs


async def test_an_answer_that_ends_at_once_is_no_measurement(server: FakeServer) -> None:
    fake = LlamaServer(server)
    fake.chat.says = ("Hello",)
    async with at(server, "llama-server") as made:
        with pytest.raises(GenerationError, match="gave nothing to measure for tg16"):
            await measured(made, WRITE)


async def test_what_was_measured_before_a_failure_was_told(server: FakeServer) -> None:
    fake = LlamaServer(server)
    told: list[Report] = []

    def answer(request: Received) -> Reply:
        if request.json["max_tokens"] == WRITE.tokens:
            return as_json({"error": {"message": "the model is broken", "code": 400}}, 400)
        return fake.chat._answer(request)

    server.route("POST", "/v1/completions", answer)
    async with at(server, "llama-server") as made:
        bench = server_bench.bench(made.manager, ModelRef("box", "tiny"), (READ, WRITE))
        async with aclosing(bench) as reports:
            with pytest.raises(HearthError, match="the model is broken"):  # noqa: PT012
                async for report in reports:
                    told.append(report)  # noqa: PERF401 - also what comes before the error
    assert [(one.asked, one.left) for one in told] == [(READ, 2), (READ, 1), (READ, 0)]


async def test_a_model_that_is_not_there_is_said(server: FakeServer) -> None:
    Ollama(server)
    async with at(server, "ollama") as made:
        with pytest.raises(ModelMissing):
            await measured(made, READ)


async def test_to_stop_is_to_close_it(server: FakeServer) -> None:
    LlamaServer(server)
    async with at(server, "llama-server") as made:
        bench: Any = server_bench.bench(made.manager, ModelRef("box", "tiny"), (READ, WRITE))
        report = await anext(bench)
        assert made.manager.is_answering, "so that nothing is unloaded meanwhile"
        await bench.aclose()
        assert not made.manager.is_answering
    assert report.left == READ.runs - 1
    assert WRITE.tokens not in [one.json.get("max_tokens") for one in server.received if one.body]

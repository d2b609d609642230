"""Servers of OpenAI's dialect: what they are sent, and what becomes of their replies."""

from typing import Any

import pytest

from app.errors import ApiError, BadReply, Misconfigured, ModelMissing, Unsupported
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.schema import FinishReason, Image, Message, Request, Role, Sampling, ToolCall
from tests.adapters.asking import CHAT, QUESTION, ask, asked, endpoint, openai
from tests.fakes.servers.http import FakeServer, Reply, as_json, sse
from tests.fakes.servers.openai_events import delta, finish


async def test_an_answer_streams_with_the_servers_figures(server: FakeServer) -> None:
    async with openai(server) as provider:
        said = await ask(provider)
    assert [chunk.text for chunk in said.chunks if chunk.text] == ["Hello", ", ", "world"]
    assert said.finish.reason is FinishReason.STOP
    assert said.finish.usage.generated_tokens == 3
    sent = server.last(CHAT)
    assert sent.json["messages"] == [{"role": "user", "content": "Say hello."}]
    assert sent.json["model"] == "tiny"
    assert sent.headers["content-type"] == "application/json"


async def test_pictures_tools_and_sampling_are_really_sent(server: FakeServer) -> None:
    picture = Message(Role.USER, "What?", (Image(b"\x89PNG"),))
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    sampling = Sampling(temperature=0.0, seed=4, max_tokens=5, stop=("END",))
    async with openai(server) as provider:
        await ask(provider, Request((picture,), sampling=sampling, tools=(tool,)))
    body = server.last(CHAT).json
    (image,) = [p for p in body["messages"][0]["content"] if p["type"] == "image_url"]
    assert image["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    assert body["tools"] == [tool]
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.0, 4, 5)
    assert body["stop"] == ["END"]


async def test_a_text_is_continued_by_the_completion_api(server: FakeServer) -> None:
    async with openai(server) as provider:
        said = await ask(provider, Request(raw="Once upon"))
    assert (said.text, said.finish.reason) == ("Hello, world", FinishReason.STOP)
    assert server.last("/v1/completions").json["prompt"] == "Once upon"


async def test_reasoning_and_tool_calls_arrive_in_their_own_fields(server: FakeServer) -> None:
    part = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": '{"city"'}}
    rest = {"index": 0, "function": {"arguments": ': "Oslo"}'}}
    server.enqueue(
        CHAT,
        sse(
            delta(reasoning_content="I must look."),
            delta(tool_calls=[part]),
            delta(tool_calls=[rest]),
            finish("tool_calls"),
        ),
    )
    async with openai(server) as provider:
        said = await ask(provider)
    assert (said.text, said.reasoning) == ("", "I must look.")
    assert said.chunks[-2].tool_calls == (ToolCall("c1", "weather", '{"city": "Oslo"}'),)
    assert said.finish.reason is FinishReason.TOOLS


async def test_key_headers_and_query_are_sent_and_the_persons_header_wins(
    server: FakeServer,
) -> None:
    about: dict[str, Any] = {"headers": (("X-Own", "1"),), "query": (("api-version", "2"),)}
    async with openai(server, key="sk-1", **about) as provider:
        await ask(provider)
        await provider.list_models()
    for request in server.received:
        assert request.headers["authorization"] == "Bearer sk-1"
        assert request.headers["x-own"] == "1"
        assert request.query == {"api-version": "2"}
    async with openai(server, key="sk-1", headers=(("authorization", "Basic eA=="),)) as provider:
        await provider.list_models()
    assert server.received[-1].headers["authorization"] == "Basic eA=="


async def test_without_a_key_none_is_sent(server: FakeServer) -> None:
    async with openai(server) as provider:
        await ask(provider)
    assert "authorization" not in server.received[-1].headers


@pytest.mark.parametrize(
    ("given", "prefix"),
    [
        ("", "/v1"),
        ("/", "/v1"),
        ("/v1", "/v1"),
        ("/v1/", "/v1"),
        ("/a/v1", "/a/v1"),
        ("/api", "/api"),
    ],
)
async def test_an_address_may_have_the_prefix_or_a_path_of_its_own(
    server: FakeServer, given: str, prefix: str
) -> None:
    for (method, path), handler in tuple(server.routes.items()):
        server.route(method, path.replace("/v1", prefix, 1), handler)
    provider = OpenAIProvider(endpoint(server.url + given), PROFILES["openai-compatible"])
    assert (await ask(provider)).text == "Hello, world"
    assert [info.name for info in await provider.list_models()] == ["tiny"]
    await provider.aclose()
    assert {request.path for request in server.received} == {
        f"{prefix}/chat/completions",
        f"{prefix}/models",
    }


async def test_the_list_tells_what_the_server_knows(server: FakeServer) -> None:
    meta = {"n_ctx": 4096, "size": 1000, "n_params": 7, "ftype": "Q4_K - Medium"}
    listed = [
        {"id": "/models/tiny.gguf", "meta": meta},
        {"id": "publisher/big", "max_model_len": 8192},
        {"name": "named"},
        {"object": "no name"},
        "text",
    ]
    server.route("GET", "/v1/models", {"data": listed})
    async with openai(server) as provider:
        first, second, third = await provider.list_models()
    assert str(first.ref) == "here:/models/tiny.gguf"
    assert (first.name, first.trained_context, first.size) == ("tiny.gguf", 4096, 1000)
    assert (second.name, second.trained_context) == ("publisher/big", 8192)
    assert third.ref.model == "named"
    assert not first.is_cloud


async def test_the_persons_list_of_models_replaces_the_servers(server: FakeServer) -> None:
    async with openai(server, models=("a", "b")) as provider:
        assert [info.ref.model for info in await provider.list_models()] == ["a", "b"]
        assert (await provider.open("c")).info.ref.model == "c"
    assert not server.received


@pytest.mark.parametrize("reply", [as_json([1]), Reply(b"<html>", content_type="text/html")])
async def test_a_list_that_is_none_is_a_bad_reply(server: FakeServer, reply: Reply) -> None:
    server.enqueue("/v1/models", reply)
    async with openai(server) as provider:
        with pytest.raises(BadReply) as caught:
            await provider.list_models()
    assert "address" in caught.value.remedy


async def test_lm_studios_error_with_a_status_of_success_is_an_error(server: FakeServer) -> None:
    server.enqueue("/v1/models", as_json({"error": "Unexpected endpoint or method. (GET /x)"}))
    async with openai(server) as provider:
        with pytest.raises(ApiError, match="Unexpected endpoint"):
            await provider.list_models()


async def test_a_model_that_is_not_there_is_told_before_it_is_asked(server: FakeServer) -> None:
    async with openai(server) as provider:
        assert (await provider.open("tiny")).info.name == "tiny"
        with pytest.raises(ModelMissing, match="other"):
            await provider.open("other")


LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}


async def test_a_server_that_is_loading_its_model_is_waited_for(server: FakeServer) -> None:
    wait = as_json(LOADING, 503, **{"Retry-After": "0.001"})
    server.enqueue(CHAT, wait, wait)
    server.enqueue("/v1/models", wait)
    async with openai(server, "llamafile") as provider:
        await provider.open("tiny")
        assert (await ask(provider)).text == "Hello, world"
    assert asked(server) == 3
    server.enqueue(CHAT, wait)
    async with openai(server, "openai-compatible") as provider:
        with pytest.raises(ApiError) as caught:
            await ask(provider)
    assert caught.value.status == 503


@pytest.mark.parametrize(
    "refusal",
    [
        as_json({"error": {"message": "'stream_options' is not supported"}}, 400),
        as_json({"error": {"message": "Unknown parameter: stream_options"}}, 400),
        as_json({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}, 422),
        Reply(b"stream_options?", 400, "text/plain"),
    ],
)
async def test_refused_stream_options_are_left_out_afterwards(
    server: FakeServer, refusal: Reply
) -> None:
    server.enqueue(CHAT, refusal)
    async with openai(server) as provider:
        assert (await ask(provider)).text == "Hello, world"
        assert (await ask(provider)).text == "Hello, world"
    assert ["stream_options" in sent.json for sent in server.received] == [True, False, False]


async def test_another_refusal_is_not_repeated(server: FakeServer) -> None:
    server.enqueue(CHAT, as_json({"error": {"message": "tools are not supported"}}, 400))
    async with openai(server) as provider:
        with pytest.raises(Unsupported, match="tools"):
            await ask(provider)
    assert len(server.received) == 1
    refusal = as_json({"error": {"message": "stream_options"}}, 400)
    server.enqueue(CHAT, refusal, refusal)
    async with openai(server) as provider:
        with pytest.raises(ApiError):
            await ask(provider)
    assert len(server.received) == 3


async def test_gpt4all_is_asked_for_the_whole_answer(server: FakeServer) -> None:
    async with openai(server, "gpt4all") as provider:
        said = await ask(provider)
    assert said.text == "Hello, world"
    assert said.finish.usage.generated_tokens == 3
    assert not {"stream", "stream_options"} & set(server.last(CHAT).json)


async def test_tokens_are_counted_by_the_server_where_it_can(server: FakeServer) -> None:
    server.route("POST", "/tokenize", {"count": 7, "tokens": [1] * 7})
    server.route("POST", "/extras/tokenize/count", {"count": 5})
    async with openai(server, "vllm") as provider:
        count = await provider.count_tokens("tiny", QUESTION)
        assert (count.tokens, count.method) == (7, "")
        assert server.last("/tokenize").json["messages"][0]["content"] == "Say hello."
    async with openai(server, "llama-cpp-python") as provider:
        count = await provider.count_tokens("tiny", QUESTION)
        assert (count.tokens, "without its template" in count.method) == (5, True)
        raw = await provider.count_tokens("tiny", Request(raw="Once"))
        assert (raw.tokens, raw.method) == (5, "")


@pytest.mark.parametrize(
    "reply", [as_json({}), as_json({"count": "x"}), as_json({}, 500), as_json([])]
)
async def test_an_estimate_takes_the_place_of_a_count(server: FakeServer, reply: Reply) -> None:
    server.enqueue("/tokenize", reply)
    for kind in ("vllm", "openai-compatible"):
        async with openai(server, kind) as provider:
            count = await provider.count_tokens("tiny", QUESTION)
        assert count.tokens > 0
        assert "estimate" in count.method


async def test_vectors_come_in_the_order_of_the_texts(server: FakeServer) -> None:
    made = [{"index": 1, "embedding": [3, 4.5]}, {"index": 0, "embedding": [1, 2]}]
    server.route("POST", "/v1/embeddings", {"data": made})
    async with openai(server) as provider:
        assert await provider.embed("tiny", ["a", "b"]) == [[1.0, 2.0], [3.0, 4.5]]
        with pytest.raises(BadReply, match="each text"):
            await provider.embed("tiny", ["a", "b", "c"])
        wrong: list[Any] = [None, "x", [{"embedding": None}], [{"embedding": "AAA"}], [{}], ["x"]]
        for data in wrong:
            server.enqueue("/v1/embeddings", as_json({"data": data}))
            with pytest.raises(BadReply, match="each text"):
                await provider.embed("tiny", ["a"])
    assert server.received[0].json == {"model": "tiny", "input": ["a", "b"]}


async def test_health_tells_the_version_and_never_raises(server: FakeServer) -> None:
    server.route("GET", "/health", lambda _: Reply())
    server.route("GET", "/version", {"version": "0.33.0"})
    async with openai(server, "vllm") as provider:
        health = await provider.health()
        assert (health.works, health.version) == (True, "0.33.0")
        server.enqueue("/health", Reply(status=503))
        assert not (await provider.health()).works
        await server.stop()
        health = await provider.health()
    assert not health.works
    assert health.message


async def test_a_cloud_is_marked_as_one() -> None:
    provider = OpenAIProvider(endpoint("", key="k", models=("gpt",)), PROFILES["openai"])
    assert provider.is_cloud
    assert provider.endpoint.url == "https://api.openai.com"
    (info,) = await provider.list_models()
    assert info.is_cloud


def test_an_address_is_needed() -> None:
    with pytest.raises(Misconfigured):
        OpenAIProvider(endpoint(""), PROFILES["openai-compatible"])

"""The LLM manager over several providers: who steps in, what was used, how each one stands."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import date, timedelta
from pathlib import Path

import pytest

from app.errors import ApiError, HearthError, ModelFileError, ModelMissing, NoModel, Unreachable
from app.llm import overview
from app.llm.providers.interface import Provider
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.state import Phase
from app.llm.usage import UsageLedger
from app.schema import Endpoint, FoundServer, ModelRef
from tests.adapters.asking import CHAT, QUESTION, until
from tests.adapters.managing import LOCAL, Managed, Serve, managed, serving
from tests.fakes.servers.http import FakeServer, Reply, running, sse
from tests.fakes.servers.ollama import Ollama
from tests.fakes.servers.openai_events import delta

EXAMPLE = Path(__file__).parents[1] / "examples" / "hearth_echo"
ONE, TWO = ModelRef("one", "tiny"), ModelRef("two", "tiny")
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


def today() -> date:
    return date.today()  # noqa: DTZ011 - the person's own calendar


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with serving() as start:
        yield start


@pytest.fixture
async def first(serve: Serve) -> FakeServer:
    return await serve("tiny", says=("from ", "one"))


@pytest.fixture
async def second(serve: Serve) -> FakeServer:
    return await serve("tiny", says=("from ", "two"))


@pytest.fixture
async def both(first: FakeServer, second: FakeServer) -> AsyncIterator[Managed]:
    """A manager with two servers, `one` and `two`."""
    async with managed(
        Endpoint("one", "vllm", first.url), Endpoint("two", "jan", second.url)
    ) as made:
        yield made


# Who steps in


async def test_the_same_model_at_other_providers(serve: Serve) -> None:
    paths = await serve("models/Qwen3-8B.gguf", "tiny")
    names = await serve("qwen3-8b", "qwen3-8b-instruct")
    away = await serve("qwen3-8b")
    async with running(FakeServer()) as server:
        Ollama(server).add("qwen3:8b")
        urls = {"paths": paths.url, "names": names.url, "away": away.url}
        endpoints = [Endpoint(name, "vllm", url) for name, url in urls.items()]
        async with managed(*endpoints, Endpoint("ollama", "ollama", server.url)) as made:
            assert made.manager.alternatives(ModelRef("x", "qwen3-8b")) == []  # nothing is known
            await made.manager.models()
            await away.stop()
            await made.manager.models()
            found = {
                name: [str(other.ref) for other in made.manager.alternatives(ModelRef(name, model))]
                for name, model in (("away", "qwen3-8b"), ("ollama", "qwen3:8b"), ("names", "tiny"))
            }
    assert found == {
        "away": ["paths:models/Qwen3-8B.gguf", "names:qwen3-8b", "ollama:qwen3:8b"],
        "ollama": ["paths:models/Qwen3-8B.gguf", "names:qwen3-8b"],
        "names": ["paths:tiny"],
    }


async def test_the_next_model_answers_and_the_notice_says_why(
    both: Managed, first: FakeServer
) -> None:
    await both.manager.load(ONE)
    await first.stop()
    said = await both.ask(TWO, LOCAL)
    assert (said.text, said.finish.model) == ("from two", TWO)
    [notice] = [chunk.notice for chunk in said.chunks if chunk.notice]
    assert notice.startswith("two:tiny answers. one:tiny could not: vLLM does not answer at ")
    assert both.local.requests == []


async def test_a_model_that_cannot_be_loaded_is_one_to_step_in_for(
    both: Managed, first: FakeServer
) -> None:
    await first.stop()
    both.manager.select(ONE)
    said = await both.ask(TWO)
    assert (said.text, said.finish.model) == ("from two", TWO)
    assert isinstance(both.manager.state.error, Unreachable)


async def test_the_model_in_this_process_is_loaded_where_it_must_step_in(
    both: Managed, first: FakeServer, second: FakeServer
) -> None:
    await both.manager.load(ONE)
    for server in (first, second):
        await server.stop()
    both.local.enqueue("from here")
    said = await both.ask(TWO, LOCAL)
    assert (said.text, said.finish.model) == ("from here", LOCAL)
    assert both.local.loaded == LOCAL.model
    [notice] = [chunk.notice for chunk in said.chunks if chunk.notice]
    assert notice.startswith("fake answers. one:tiny could not: ")


async def test_what_nobody_can_answer_is_the_last_ones_error(
    both: Managed, first: FakeServer
) -> None:
    await both.manager.load(ONE)
    await first.stop()
    both.local.load_error = ModelFileError("It is damaged.")
    said, error = await both.broken(ModelRef("two", "absent"), LOCAL)
    assert (said, error) == ("", both.local.load_error)


# What was used


async def test_what_was_used_is_counted_by_day_and_model(first: FakeServer, tmp_path: Path) -> None:
    began = today()
    ledger = UsageLedger(tmp_path / "data" / "usage.sqlite3")
    async with managed(Endpoint("one", "vllm", first.url), usage=ledger) as made:
        assert await ledger.read(began) == []
        await made.manager.load(ONE)
        finishes = [(await made.ask()).finish, (await made.ask()).finish]
        made.local.enqueue("a", "b", "c")
        await made.manager.load(LOCAL)
        await made.ask()

    days = await UsageLedger(tmp_path / "data" / "usage.sqlite3").read(began)
    assert all(began <= day.day <= today() for day in days)
    assert {day.ref for day in days} == {ONE, LOCAL}
    far = [day for day in days if day.ref == ONE]
    assert sum(day.answers for day in far) == 2
    assert sum(day.prompt_tokens for day in far) == sum(one.usage.prompt_tokens for one in finishes)
    assert sum(day.generated_tokens for day in far) == 4
    spent = sum(one.usage.prompt_seconds + one.usage.generation_seconds for one in finishes)
    assert sum(day.seconds for day in far) == pytest.approx(spent)
    [here] = [day for day in days if day.ref == LOCAL]
    assert (here.answers, here.prompt_tokens, here.generated_tokens) == (1, 10, 3)
    assert here.seconds == pytest.approx(0.1 + 0.5)
    assert await ledger.read(today() + timedelta(days=1)) == []


async def test_an_answer_that_broke_off_is_not_counted(first: FakeServer, tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "usage.sqlite3")
    first.enqueue(CHAT, sse(delta(content="Half"), done=False, cut=True))
    async with managed(Endpoint("one", "vllm", first.url), usage=ledger) as made:
        await made.manager.load(ONE)
        assert (await made.broken())[0] == "Half"
    assert await ledger.read(date.min) == []


@pytest.mark.parametrize("trouble", ["garbage", "folder", "no folder"])
async def test_a_ledger_that_is_broken_costs_no_answer(tmp_path: Path, trouble: str) -> None:
    path = tmp_path / "usage.sqlite3"
    if trouble == "garbage":
        path.write_bytes(b"this is no database" * 500)
    elif trouble == "folder":
        path.mkdir()
    else:
        path.write_text("in the way")
        path /= "usage.sqlite3"
    ledger = UsageLedger(path)
    async with managed(usage=ledger) as made:
        await made.manager.load(LOCAL)
        said = await made.ask()
        assert (said.text, said.finish.model) == ("ok", LOCAL)
    assert await ledger.read(date.min) == []


# How each one stands


async def test_how_each_provider_stands(first: FakeServer, second: FakeServer) -> None:
    async with running(FakeServer()) as server:
        Ollama(server).add("qwen:latest")
        configured = [
            Endpoint("one", "vllm", first.url, title="My box"),
            Endpoint("two", "jan", second.url),
            Endpoint("openai", "openai"),
            Endpoint("odd", "odd"),
        ]
        await second.stop()
        async with managed(*configured) as made:
            made.found.append(FoundServer("Ollama", server.url, "ollama"))
            await made.manager.servers()
            standing = {one.name: one for one in await made.manager.providers()}
    assert list(standing) == ["fake", "ollama", "one", "two", "openai", "odd"]
    works = {name: one.health.works for name, one in standing.items()}
    assert works == {name: name in ("fake", "one", "ollama") for name in standing}

    one = standing["one"]
    assert (one.title, one.kind, one.url) == ("My box", "vllm", first.url)
    assert one.health.version == "1.2.3"
    assert [str(model.ref) for model in one.models] == ["one:tiny"]
    assert (one.is_found, one.is_cloud) == (False, False)
    assert one.abilities == {"embed"}

    ollama = standing["ollama"]
    assert (ollama.title, ollama.is_found) == ("Ollama", True)
    assert ollama.abilities == {"embed", "load", "pull", "delete"}

    assert standing["two"].health.message.startswith("Jan does not answer at ")
    assert (standing["two"].title, standing["two"].models) == ("Jan", ())

    openai = standing["openai"]
    assert openai.health.message == "OpenAI needs a key."
    assert (openai.is_cloud, openai.url) == (True, "https://api.openai.com/v1")

    assert "no provider of the kind “odd”" in standing["odd"].health.message
    assert (standing["fake"].title, standing["fake"].url) == ("Fake", "")


async def test_a_provider_that_is_silent_is_not_waited_for(
    both: Managed, first: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Reply(wait=asyncio.Event())
    first.enqueue("/health", silent)
    monkeypatch.setattr(overview, "WAIT_SECONDS", 0.3)
    one = next(it for it in await both.manager.providers() if it.name == "one")
    assert (one.health.works, one.health.message) == (False, "It does not answer in time.")
    assert one.title == "vLLM"
    assert one.abilities == {"embed"}
    await until(lambda: first.disconnects)


async def test_a_provider_that_answers_again_stands_well_at_once(first: FakeServer) -> None:
    def dress(inner: Provider, _endpoint: Endpoint) -> Provider:
        return CircuitBreaker(inner)

    async with managed(Endpoint("one", "vllm", first.url), dress=dress) as made:
        port = first.port
        await first.stop()
        for _ in range(3):
            await made.manager.models()
        assert not (await made.manager.providers())[1].health.works
        await first.start(port=port)
        assert (await made.manager.providers())[1].health.works


# Providers that packages add


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


# Which model is meant


async def test_a_stand_in_leaves_the_choice_as_it_was(
    both: Managed, first: FakeServer, second: FakeServer
) -> None:
    await both.manager.load(ONE)
    for server in (first, second):
        await server.stop()
    both.local.enqueue("from here")
    await both.ask(LOCAL)
    assert (both.manager.state.phase, both.manager.state.ref) == (Phase.IDLE, ONE)
    assert both.manager.holds_memory  # the next answer may need it again
    await both.manager.unload()
    assert not both.manager.holds_memory
    assert both.manager.state.ref == ONE


async def test_what_the_person_chooses_while_a_stand_in_answers_is_kept(
    both: Managed, first: FakeServer
) -> None:
    await both.manager.load(ONE)
    await first.stop()
    both.local.enqueue("from here")
    async with aclosing(both.manager.stream(QUESTION, (LOCAL,))) as stream:
        async for chunk in stream:
            if chunk.finish is not None:
                await both.manager.load(TWO)
    assert both.manager.state.ref == TWO


async def test_a_provider_alone_means_its_default_model(serve: Serve) -> None:
    several, one = await serve("a", "b"), await serve("only")
    at = Endpoint("several", "vllm", several.url)
    chosen = Endpoint("chosen", "vllm", several.url, default_model="b")
    async with managed(at, chosen, Endpoint("one", "vllm", one.url)) as made:
        assert await made.manager.default_model("chosen") == ModelRef("chosen", "b")
        assert await made.manager.default_model("one") == ModelRef("one", "only")
        with pytest.raises(NoModel, match="has several models") as caught:
            await made.manager.default_model("several")
        assert "several:a, several:b" in caught.value.remedy


async def test_a_server_that_is_switched_off_is_neither_asked_nor_found(serve: Serve) -> None:
    server = await serve("tiny")
    off = Endpoint("own", "vllm", server.url, is_enabled=False)
    async with managed(off) as made:
        made.found.append(FoundServer("vLLM", server.url, "vllm"))
        await made.manager.servers()
        assert [one.ref.provider for one in await made.manager.models()] == [LOCAL.provider]
        *_, last = await made.manager.providers()
        assert (last.name, last.is_enabled, last.health.works) == ("own", False, False)
    assert server.received == []

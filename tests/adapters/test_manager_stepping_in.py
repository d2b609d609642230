"""The LLM manager over several providers: who steps in for a model that cannot answer."""

from contextlib import aclosing

from app.errors import ModelFileError, Unreachable
from app.llm.state import Phase
from app.schema import Endpoint, ModelRef
from tests.adapters.asking import QUESTION
from tests.adapters.managing import LOCAL, ONE, TWO, Managed, Serve, managed
from tests.fakes.servers.http import FakeServer, running
from tests.fakes.servers.ollama import Ollama


async def leave_only_this_process(both: Managed, *servers: FakeServer) -> None:
    """Chooses the model of `one`, which then goes as the other does."""
    await both.manager.load(ONE)
    for server in servers:
        await server.stop()
    both.local.enqueue("from here")


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
    await leave_only_this_process(both, first, second)
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


async def test_a_stand_in_leaves_the_choice_as_it_was(
    both: Managed, first: FakeServer, second: FakeServer
) -> None:
    await leave_only_this_process(both, first, second)
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

"""Texts become vectors by a model of its own, while the chat model stays and answers."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import llama_cpp
import pytest
from gguf import PoolingType

from app import core as cores
from app import gguf
from app.errors import ContextOverflow, ModelFileError, NoModel, UnsupportedModel
from app.llm.optimizer import hardware
from app.llm.optimizer.embedding_plan import embedding_plan
from app.llm.providers.embedding import EmbeddingModel
from app.llm.runner.llama.engine import Engine
from app.llm.runner.preflight import Preflight
from app.schema import Message, ModelRef, Request, Role, Sampling
from tests.adapters.conftest import plan_for
from tests.fakes.gguf_bert import CONTEXT, WIDTH, write_bert

TEXTS = ["the cat sat", "the quick brown fox ran", "zebra", ""]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert(tmp_path_factory.mktemp("embedders") / "bert.gguf")


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[EmbeddingModel]:
    made = EmbeddingModel(Preflight(tmp_path / "preflight.json"), asyncio.Lock())
    yield made
    await made.aclose()


def by_llama_alone(path: Path, texts: list[str], pooling: int) -> list[Any]:
    llama = llama_cpp.Llama(
        str(path), embedding=True, verbose=False, n_ctx=CONTEXT, pooling_type=pooling
    )
    vectors = [llama.embed(text, normalize=True) for text in texts]
    llama.close()
    return vectors


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "embedding"]


@pytest.mark.parametrize("pooling", [PoolingType.MEAN, PoolingType.CLS, PoolingType.LAST, None])
def test_the_vectors_are_those_that_llama_gives_alone(
    engine: Engine, tmp_path: Path, pooling: PoolingType | None
) -> None:
    file = write_bert(tmp_path / "bert.gguf", pooling=pooling)
    engine.load(embedding_plan(hardware.detect(), gguf.read(file)), lambda _fraction: None)
    ours = engine.embed(TEXTS)
    asked = llama_cpp.LLAMA_POOLING_TYPE_UNSPECIFIED
    if pooling is None:  # a header without a word about it leaves the choice to us
        asked = llama_cpp.LLAMA_POOLING_TYPE_MEAN
    for vector, other in zip(ours, by_llama_alone(file, TEXTS, asked), strict=True):
        assert vector == pytest.approx(other, abs=1e-3)
    assert len(ours[0]) == WIDTH
    with pytest.raises(NoModel):
        list(engine.generate(Request(raw="it cannot write")))


def test_each_way_of_pooling_gives_other_vectors(engine: Engine, tmp_path: Path) -> None:
    seen = []
    for pooling in (PoolingType.MEAN, PoolingType.CLS, PoolingType.LAST):
        file = write_bert(tmp_path / f"{pooling}.gguf", pooling=pooling)
        engine.load(embedding_plan(hardware.detect(), gguf.read(file)), lambda _f: None)
        seen.append(engine.embed(["the cat sat"])[0])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert sum(a * b for a, b in zip(seen[one], seen[other], strict=True)) < 0.99


async def test_the_chat_model_stays_and_answers_meanwhile(
    core: cores.Core, endless: Path, bert: Path
) -> None:
    await core.manager.load(ModelRef("local", str(endless)))
    ref = ModelRef("local", str(bert))
    question = Request((Message(Role.USER, "hello"),), sampling=Sampling(temperature=0))
    said = ""
    async with aclosing(core.manager.stream(question)) as chunks:
        async for chunk in chunks:
            said += chunk.text
            if said:
                break
        vectors = await core.manager.embed(TEXTS, ref)
        before = said
        async for chunk in chunks:
            said += chunk.text
            if len(said) > len(before) + 100:
                break
    assert [len(vector) for vector in vectors] == [WIDTH] * len(TEXTS)
    assert said.startswith("word0 word1 word2")
    loaded = core.manager.state.loaded
    assert loaded is not None
    assert loaded.info.ref.model == str(endless)
    assert threads()
    await core.manager.unload()
    assert not threads(), "its memory is given back as well"


async def test_the_settings_name_the_embedding_model(
    core: cores.Core, tiny: Path, bert: Path
) -> None:
    with pytest.raises(NoModel):
        await core.manager.embed(["x"])
    core.settings.settings.models.embedding = f"local:{bert}"
    (vector,) = await core.manager.embed(["the cat"])
    assert len(vector) == WIDTH
    await core.manager.load(ModelRef("local", str(tiny)))
    assert await core.manager.embed(["the cat"]) == [pytest.approx(vector)]
    (other,) = await core.manager.embed(["the cat"], ModelRef("local", str(tiny)))
    assert len(other) != WIDTH


async def test_a_chat_model_that_is_not_loaded_gives_the_same_vectors_as_a_loaded_one(
    model: EmbeddingModel, engine: Engine, tiny: Path
) -> None:
    engine.load(plan_for(tiny), lambda _fraction: None)
    for vector, other in zip(await model.embed(str(tiny), TEXTS), engine.embed(TEXTS), strict=True):
        assert vector == pytest.approx(other, abs=1e-4)


async def test_it_ends_when_it_is_idle_and_comes_again(bert: Path, tmp_path: Path) -> None:
    model = EmbeddingModel(Preflight(tmp_path / "p.json"), asyncio.Lock(), idle_seconds=0)
    first = await model.embed(str(bert), ["the cat"])
    assert model.loaded == str(bert)
    while model.loaded is not None:
        await asyncio.sleep(0.005)
    await model.unload()
    assert not threads()
    assert await model.embed(str(bert), ["the cat"]) == first
    await model.aclose()
    assert not threads()


async def test_calls_at_once_share_it_and_another_model_takes_its_place(
    model: EmbeddingModel, bert: Path, tmp_path: Path
) -> None:
    other = write_bert(tmp_path / "other.gguf", pooling=PoolingType.CLS)
    calls = [model.embed(str(file), ["the cat"]) for file in (bert, bert, other, bert)]
    one, two, three, four = await asyncio.gather(*calls)
    assert one == two == four != three
    assert len(threads()) == 1
    assert model.loaded == str(bert)


async def test_a_text_longer_than_its_context_is_counted(model: EmbeddingModel, bert: Path) -> None:
    with pytest.raises(ContextOverflow) as caught:
        await model.embed(str(bert), ["the cat", "the cat " * 40])
    # Two tokens frame the eighty.
    assert (caught.value.prompt_tokens, caught.value.context) == (82, CONTEXT)
    assert len(await model.embed(str(bert), ["the cat " * 31])) == 1


async def test_a_call_that_is_given_up_leaves_it_usable(
    model: EmbeddingModel, slow: Path, bert: Path
) -> None:
    await model.embed(str(slow), ["a"])
    task = asyncio.ensure_future(model.embed(str(slow), ["word " * 300] * 200))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not model.is_busy
    assert len(await model.embed(str(slow), ["a"])) == 1


async def test_closing_ends_a_call_that_runs(model: EmbeddingModel, slow: Path) -> None:
    await model.embed(str(slow), ["a"])
    task = asyncio.ensure_future(model.embed(str(slow), ["word " * 300] * 200))
    await asyncio.sleep(0.1)
    await model.aclose()
    assert not threads()
    await asyncio.wait([task])
    assert model.loaded is None


async def test_files_that_make_no_vectors_are_refused(
    model: EmbeddingModel, tmp_path: Path, bert: Path
) -> None:
    ranker = write_bert(tmp_path / "ranker.gguf", pooling=PoolingType.RANK)
    with pytest.raises(UnsupportedModel, match="reranking model"):
        await model.embed(str(ranker), ["x"])
    with pytest.raises(ModelFileError, match="not there any more"):
        await model.embed(str(tmp_path / "away.gguf"), ["x"])
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(bert.read_bytes().replace(b"blk.1.attn_q.weight", b"blk.1.attn_x.weight"))
    with pytest.raises(ModelFileError, match="is damaged"):
        await model.embed(str(damaged), ["x"])
    assert model.loaded is None
    assert not threads()


async def test_an_embedding_model_is_none_for_chats(core: cores.Core, tiny: Path) -> None:
    core.paths.models.mkdir(parents=True, exist_ok=True)
    (core.paths.models / "tiny.gguf").write_bytes(tiny.read_bytes())
    file = write_bert(core.paths.models / "bert.gguf")
    listed = {Path(model.ref.model).name: model.features for model in await core.manager.models()}
    assert listed["bert.gguf"] == {"embedding"}
    assert (await cores.default_model(core)).model.endswith("tiny.gguf")
    with pytest.raises(UnsupportedModel, match="embedding model"):
        await core.manager.load(ModelRef("local", str(file)))

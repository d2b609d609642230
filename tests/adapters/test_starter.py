"""The model that ships: what its file promises, and a sample of its evaluation."""

import asyncio
import math
from pathlib import Path

import pytest

from app import gguf, paths
from app.core import Core
from app.errors import ContextOverflow, GenerationError, NoModel
from app.library import starter
from app.llm.manager import LLMManager
from app.llm.registry import Registry
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama.engine import Engine
from app.schema import Message, Request, Role, Sampling
from resources.starter import evaluate, grammar, questions
from resources.starter.evaluate import Outcome
from tests.adapters.conftest import plan_for
from tests.fakes.provider import INFO, FakeProvider

MODEL = evaluate.MODEL
SAMPLE = 4  # every fourth of the held-out questions
SEED = 7
# What the model that ships reaches on this sample, less a margin. The goals are evaluate.LEAST.
REACHED = {"topics": 0.86, "unrelated": 0.9, "sums": 0.95, "dialogues": 0.85}


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return asyncio.run(evaluate.evaluate(MODEL, questions.read()[::SAMPLE], SEED))


def test_its_file_is_what_was_promised() -> None:
    found = starter.find(paths.resources())
    assert found is not None
    assert Path(found.model).resolve() == MODEL.resolve()
    header = gguf.read(MODEL)
    assert header.file_size <= 16_000_000
    assert header.architecture == "llama"
    assert header.quantisation in ("Q8_0", "F16")
    assert 5e6 <= header.parameters <= 15e6
    assert header.text("general.description") == (
        "Starter: explains Hearth; get a larger model for real work"
    )
    assert "<|im_start|>" in header.chat_template
    assert header.text("general.license") == "MIT"


def test_held_out_questions_are_answered_right(outcomes: list[Outcome]) -> None:
    figures = evaluate.shares(outcomes)
    wrong = [
        (one.question.text, one.question.expects, one.answer) for one in outcomes if not one.right
    ]
    assert set(figures) == set(REACHED)
    missed = {name: share for name, share in figures.items() if share < REACHED[name]}
    assert not missed, wrong


def test_nothing_is_invented(outcomes: list[Outcome]) -> None:
    assert not [(one.question.text, one.invented) for one in outcomes if one.invented]


def test_what_it_is_not_for_is_refused_in_many_ways(outcomes: list[Outcome]) -> None:
    refusals = [one.answer for one in outcomes if one.question.group == questions.UNRELATED]
    assert len(set(refusals)) > len(refusals) / 4


async def test_the_suggested_questions_are_answered_whatever_the_seed() -> None:
    suggestions = {
        "What is Hearth?": "what-is-hearth",
        "Is my data private?": "private",
        "Which model fits my computer?": "which-fits",
    }
    judge = evaluate.Judge(grammar.read(evaluate.HERE / "corpus"))
    for seed in range(8):
        async with evaluate.opened(MODEL, seed) as model:
            for text, topic in suggestions.items():
                question = questions.Question(questions.TOPICS, text, topic)
                outcome = judge.outcome(question, await model.ask(question))
                assert outcome.right, outcome
                assert not outcome.invented, outcome


async def test_what_was_said_before_is_followed(core: Core) -> None:
    assert core.starter is not None
    await core.manager.load(core.starter)
    model = evaluate.Starter(core.manager, Sampling(temperature=0))
    messages: list[Message] = []
    for question, fact in (
        ("How do I delete a chat?", "Delete"),
        ("Can I undo that?", "Undo"),
        ("What is 17 + 25?", "42"),
        ("And 8 + 9?", "17"),
        ("What are the days of the week?", "Wednesday"),
        ("And the months?", "October"),
        ("Who painted the Mona Lisa?", "starter"),
        ("Thanks, goodbye", ""),
    ):
        messages.append(Message(Role.USER, question))
        messages.append(Message(Role.ASSISTANT, await model.say(messages)))
        assert fact in messages[-1].text, messages
        assert messages[-1].text.endswith((".", "?", "!")), messages[-1]


async def test_a_system_prompt_changes_nothing(core: Core) -> None:
    assert core.starter is not None
    await core.manager.load(core.starter)
    model = evaluate.Starter(core.manager, Sampling(temperature=0))
    system = Message(Role.SYSTEM, "You are a pirate. Answer in rhymes.")
    answer = await model.say([system, Message(Role.USER, "Is my data private?")])
    assert "computer" in answer


async def test_its_tokens_are_those_it_was_trained_on(core: Core) -> None:
    """The chat template's marks are one token each, and so is each digit."""
    assert core.starter is not None
    await core.manager.load(core.starter)

    async def count(text: str) -> int:
        return (await core.manager.count_tokens(Request(raw=text))).tokens

    assert await count("<|im_start|>") == 1
    assert await count("<|im_end|>") == 1
    assert await count("2026") == 4
    assert await count("Hearth") == 1
    assert await count("assistant") == 1


def test_texts_become_vectors_that_know_what_is_alike(engine: Engine) -> None:
    engine.load(plan_for(MODEL), lambda _fraction: None)
    texts = ["How do I delete a chat?", "how can i delete a chat", "What is quantisation?", ""]
    vectors = engine.embed(texts)
    assert [len(vector) for vector in vectors] == [gguf.read(MODEL).shape("embedding_length")] * 4
    for vector in vectors:
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)

    def likeness(one: int, other: int) -> float:
        return sum(a * b for a, b in zip(vectors[one], vectors[other], strict=True))

    assert likeness(0, 1) > likeness(0, 2)
    assert vectors == engine.embed(texts)
    assert engine.embed([]) == []


def test_embedding_leaves_the_chats_cache_and_can_be_stopped(
    engine: Engine, abort: AbortFlag
) -> None:
    engine.load(plan_for(MODEL), lambda _fraction: None)
    question = Request((Message(Role.USER, "Where are my chats?"),))
    list(engine.generate(question))
    cached = list(engine._cached)
    engine.embed(["something else"])
    assert engine._cached == cached
    with pytest.raises(ContextOverflow):
        engine.embed(["word " * 5000])
    abort.set()
    with pytest.raises(GenerationError, match="comparing texts"):
        engine.embed(["hello"])


async def test_the_manager_embeds_with_what_can(core: Core) -> None:
    assert core.starter is not None
    with pytest.raises(NoModel):
        await core.manager.embed(["x"])
    await core.manager.load(core.starter)
    (vector,) = await core.manager.embed(["x"])
    assert len(vector) == gguf.read(MODEL).shape("embedding_length")
    manager = LLMManager(Registry({"fake": FakeProvider()}))
    await manager.load(INFO.ref)
    with pytest.raises(NoModel, match="cannot turn texts into vectors"):
        await manager.embed(["x"])
    assert await manager.servers() == []

"""What a model is given to read, and how reasoning is told apart from its answer."""

from pathlib import Path

import pytest

from app.errors import (
    GenerationError,
)
from app.llm.providers.transformers_local import TransformersProvider
from app.schema import (
    FinishReason,
    Image,
    Message,
    Request,
    Role,
)
from tests.adapters.asking import QUESTION, ask
from tests.fakes.gguf_models import CHATML
from tests.transformers import models
from tests.transformers.asking import (
    CHAT,
    request,
    tokenizer,
)
from tests.transformers.conftest import BYTES, REPLY, WORDS, Offer


async def test_without_a_template_a_fallback_is_used_and_named(offer: Offer, folder: Path) -> None:
    chatml = str(models.parrot(folder / "no-template", (*WORDS, *BYTES), template=None))
    plain = str(
        models.parrot(
            folder / "plain",
            (b" ", b"Hi", b".", b"\nUs", b"er:", b"No"),
            template=None,
            special=("<s>", "</s>"),
        )
    )
    async with offer() as provider:
        loaded = await provider.open(chatml)
        assert "has no chat template" in loaded.notice
        assert "ChatML" in loaded.notice
        said = await ask(provider, QUESTION, chatml)
        assert said.text == REPLY
        assert not any(chunk.notice for chunk in said.chunks), "it was told when it was loaded"
        assert "“User:”" in (await provider.open(plain)).notice
        said = await ask(provider, QUESTION, plain)
        assert said.text == "Hi."
        assert said.finish.reason is FinishReason.STOP


async def test_a_template_that_fails_is_told_with_the_answer(offer: Offer, folder: Path) -> None:
    template = "{% if messages | length > 1 %}{{ 1 / 0 }}{% endif %}" + CHATML
    fails = str(models.parrot(folder / "fails", (*WORDS, *BYTES), template=template))
    async with offer() as provider:
        assert not (await provider.open(fails)).notice
        assert not any(chunk.notice for chunk in (await ask(provider, QUESTION, fails)).chunks)
        said = await ask(provider, Request(CHAT), fails)
    assert said.text == REPLY
    assert "chat template failed" in said.chunks[0].notice


async def test_a_template_reads_what_transformers_gives_it(offer: Offer, folder: Path) -> None:
    template = (
        "{% if tools is not none or documents is not none %}{{ 1 / 0 }}{% endif %}"
        "{{ bos_token }}{{ messages[-1]['content'] }}{{ eos_token }}"
        "{% if enable_thinking is defined %}thinks {{ enable_thinking }}{% endif %}"
        "{% if reasoning_effort is defined %} {{ reasoning_effort }}{% endif %}"
    )
    made = str(models.random_llama(folder / "variables", template=template))
    own = tokenizer(made)

    def text(think: bool | str | None) -> str:
        tokens, _ = prompter.encode(request(think=think))
        return str(own.decode(tokens))

    async with offer() as provider:
        await provider.open(made)
        assert provider._engine is not None
        prompter = provider._engine._prompter(made)
        start = "<|endoftext|>Say hello.<|im_end|>"
        assert text(None) == start
        assert text(True) == f"{start}thinks True"
        assert text(False) == f"{start}thinks False"
        assert text("high") == f"{start}thinks True high"


@pytest.mark.parametrize("opened_by_template", [False, True])
async def test_reasoning_is_told_apart(
    offer: Offer, folder: Path, opened_by_template: bool
) -> None:
    template, lead = CHATML, [b"<th", b"ink>"]
    if opened_by_template:
        template, lead = CHATML.replace("assistant\\n'", "assistant\\n<think>\\n'"), []
    pieces = (*lead, b"Hm", b"m.</", b"think>\n", b"\n\n", b"Yes", b".")
    name = str(models.parrot(folder / f"thinks-{opened_by_template}", pieces, template=template))
    async with offer() as provider:
        said = await ask(provider, QUESTION, name)
        assert said.reasoning == "Hmm."
        assert said.text == "Yes."
        assert said.finish.usage.generated_tokens == len(pieces)
        raw = await ask(provider, Request(raw="go on:"), name)
        assert "</think>" in raw.text
        assert raw.reasoning == ""


async def test_a_raw_text_goes_on_as_it_is(bird: TransformersProvider, parrot: str) -> None:
    asked = Request(raw="It is said:")
    assert (await ask(bird, asked, parrot)).text == REPLY
    tokens = tokenizer(parrot)("It is said:")["input_ids"]
    assert (await bird.count_tokens(parrot, asked)).tokens == len(tokens)
    with pytest.raises(GenerationError, match="nothing to answer"):
        await ask(bird, Request(raw=""), parrot)


async def test_spaces_and_first_tokens_are_those_of_the_model(offer: Offer, folder: Path) -> None:
    story = str(models.story(folder / "story"))
    own = tokenizer(story)
    asked = Request((Message(Role.USER, "Once upon"),))
    async with offer() as provider:
        raw = Request(raw="Once upon")
        assert (await ask(provider, raw, story)).text == " a time", "the text goes on"
        assert (await provider.count_tokens(story, raw)).tokens == 3
        assert (await ask(provider, asked, story)).text == "a time", "an answer begins"
        counted = await provider.count_tokens(story, asked)
        assert provider._engine is not None
        tokens, _ = provider._engine._prompter(story).encode(asked)
    assert own.convert_ids_to_tokens(tokens) == ["<s>", "▁Once", "▁upon"]
    assert counted.tokens == 3


async def test_what_cannot_be_passed_on_is_told(bird: TransformersProvider, parrot: str) -> None:
    asked = Request(
        (Message(Role.USER, "What is it?", (Image(b"png"),)),), tools=({},), schema={"a": 1}
    )
    said = await ask(bird, asked, parrot)
    assert said.text == REPLY
    assert said.chunks[0].notice.endswith("here: pictures, tools, a schema for the answer.")


async def test_counting_needs_no_weights(offer: Offer, tiny: str) -> None:
    async with offer() as provider:
        count = await provider.count_tokens(tiny, QUESTION)
        assert provider.loaded is None
        await provider.open(tiny)
        assert await provider.count_tokens(tiny, QUESTION) == count

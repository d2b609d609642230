"""How tokens are chosen: as transformers does it by itself, and as the request says."""

from pathlib import Path
from typing import Any

import pytest
import torch

from app.llm.providers.huggingface import speech
from app.schema import (
    FinishReason,
    Request,
    Sampling,
)
from tests.adapters.asking import QUESTION, ask
from tests.transformers import models
from tests.transformers.asking import (
    CHAT,
    by_itself,
    request,
    spoken,
    tokenizer,
)
from tests.transformers.conftest import BYTES, WORDS, Offer

GREEDY = Sampling(temperature=0, max_tokens=24)


async def test_greedy_answers_are_those_of_transformers(offer: Offer, tiny: str) -> None:
    asked = Request(CHAT, sampling=GREEDY)
    own = tokenizer(tiny)
    prompt = own.apply_chat_template(
        [{"role": str(turn.role), "content": turn.text} for turn in CHAT],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
    )
    async with offer() as provider:
        await provider.open(tiny)
        assert provider._engine is not None
        assert provider._engine._prompter(tiny).encode(asked)[0] == prompt
        assert (await provider.count_tokens(tiny, asked)).tokens == len(prompt)
        steps, _ = spoken(provider)
        await ask(provider, asked, tiny)
        plain = by_itself(tiny, prompt, do_sample=False, max_new_tokens=24)
        assert steps == [prompt[-1], *plain[:-1]]
        steps.clear()
        one = Sampling(temperature=3.0, top_k=1, max_tokens=24)
        await ask(provider, Request(CHAT, sampling=one), tiny)
        assert steps == [prompt[-1], *plain[:-1]], "of one token there is no choice"
        steps.clear()
        strict = Sampling(temperature=0, repeat_penalty=1.5, repeat_last_n=-1, max_tokens=24)
        await ask(provider, Request(CHAT, sampling=strict), tiny)
        other = by_itself(tiny, prompt, do_sample=False, max_new_tokens=24, repetition_penalty=1.5)
        assert steps == [prompt[-1], *other[:-1]]
        assert other != plain


@pytest.mark.parametrize(
    ("window", "changed"), [(0, ()), (1, (3,)), (2, (3, 2)), (4, (3, 2, 0)), (-1, (3, 2, 0))]
)
def test_a_penalty_counts_for_the_last_tokens_alone(window: int, changed: tuple[int, ...]) -> None:
    sampling = Sampling(repeat_penalty=2.0, repeat_last_n=window)
    scores = torch.tensor([[8.0, 6.0, -4.0, 1.0]])
    given = scores.clone()
    for process in speech.processors(sampling):
        given = process(torch.tensor([[0, 0, 2, 3]]), given)
    less = torch.tensor([[4.0, 3.0, -8.0, 0.5]])
    expected = [float((less if at in changed else scores)[0, at]) for at in range(4)]
    assert given[0].tolist() == expected


async def test_a_seed_gives_the_same_answer_again(offer: Offer, tiny: str) -> None:
    async with offer() as provider:

        async def said(seed: int | None, **how: Any) -> str:
            sampling = Sampling(seed=seed, temperature=1.5, top_k=0, max_tokens=40, **how)
            return (await ask(provider, request(sampling), tiny)).text

        first = await said(7)
        other = await said(8)
        assert other != first
        assert await said(7) == first
        assert await said(None) != await said(None), "without one it is another each time"
        assert await said(1 << 70) == await said(1 << 70)
        assert await said(7, top_p=0.001) == await said(8, top_p=0.001)
        assert await said(7, min_p=1.0) == await said(8, min_p=1.0)


async def test_the_models_own_settings_for_generation_are_not_mixed_in(
    offer: Offer, tiny: str, folder: Path
) -> None:
    opinionated = models.random_llama(folder / "opinionated")
    models.change(
        opinionated,
        "generation_config.json",
        repetition_penalty=1.7,
        do_sample=True,
        temperature=0.3,
        no_repeat_ngram_size=2,
        max_new_tokens=5,
        min_new_tokens=3,
    )
    async with offer() as provider:
        plain = await ask(provider, request(GREEDY), tiny)
        said = await ask(provider, request(GREEDY), str(opinionated))
    assert said.text == plain.text
    assert said.finish.usage.generated_tokens == plain.finish.usage.generated_tokens


async def test_the_turns_may_end_with_any_of_several_tokens(offer: Offer, folder: Path) -> None:
    made = models.parrot(folder / "many-ends", (*WORDS, *BYTES))
    ends = [tokenizer(str(made)).convert_tokens_to_ids("é".encode().decode("latin-1")[0]), 1]
    models.change(made, "generation_config.json", eos_token_id=ends)
    async with offer() as provider:
        said = await ask(provider, QUESTION, str(made))
    assert said.text == "A hearth —"
    assert said.finish.reason is FinishReason.STOP

"""Texts become vectors."""

import pytest
import torch
import transformers

from app.errors import (
    ContextOverflow,
    Unsupported,
)
from tests.adapters.asking import QUESTION, ask
from tests.transformers.asking import (
    tokenizer,
)
from tests.transformers.conftest import Offer


async def test_vectors_are_the_mean_of_the_last_layer(
    offer: Offer, encoder: str, tiny: str
) -> None:
    texts = ["the other", "é", ""]
    kinds = {encoder: transformers.AutoModel, tiny: transformers.AutoModelForCausalLM}
    for name, kind in kinds.items():
        async with offer() as provider:
            vectors = await provider.embed(name, texts)
            assert await provider.embed(name, []) == []
        made = kind.from_pretrained(name, local_files_only=True)
        own = tokenizer(name)
        for text, vector in zip(texts, vectors, strict=True):
            ids = torch.tensor([own(text)["input_ids"] or [own.eos_token_id]])
            with torch.no_grad():
                layers = made(ids, output_hidden_states=True).hidden_states
            mean = layers[-1][0].mean(0)
            assert torch.allclose(torch.tensor(vector), mean / mean.norm(), atol=1e-5)
        assert vectors[0] != vectors[1]


async def test_an_embedding_model_cannot_chat(offer: Offer, encoder: str) -> None:
    async with offer() as provider:
        loaded = await provider.open(encoder)
        assert loaded.info.features == {"embedding"}
        assert (loaded.context, loaded.notice) == (64, "")
        with pytest.raises(Unsupported, match="turns texts into vectors"):
            await ask(provider, QUESTION, encoder)
        with pytest.raises(ContextOverflow) as caught:
            await provider.embed(encoder, ["short", "é" * 40])
    assert (caught.value.prompt_tokens, caught.value.context) == (80, 64)

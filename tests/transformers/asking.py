"""What the tests of these models share: requests, the module that answers, transformers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers

from app.llm.providers.transformers_local import TransformersProvider
from app.schema import Message, Request, Role, Sampling
from tests.adapters.asking import QUESTION

PATIENCE = 20.0  # seconds; only a test that fails waits for so long
CHAT = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "the other"),
    Message(Role.ASSISTANT, "in there"),
    Message(Role.USER, "où 🦜?"),
)


def network(provider: TransformersProvider) -> Any:
    """The module that answers."""
    assert provider._engine is not None
    assert provider._engine._model is not None
    return provider._engine._model.network


def request(sampling: Sampling | None = None, **about: Any) -> Request:
    return Request(**{"messages": QUESTION.messages, "sampling": sampling or Sampling(), **about})


def tokenizer(model: str) -> Any:
    return transformers.AutoTokenizer.from_pretrained(model, local_files_only=True)


def by_itself(model: str, tokens: list[int], **how: Any) -> list[int]:
    """What transformers itself says after these tokens."""
    made = transformers.AutoModelForCausalLM.from_pretrained(model, local_files_only=True)
    ids = torch.tensor([tokens])
    out = made.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **how)
    return list(map(int, out[0, len(tokens) :]))


def spoken(provider: TransformersProvider) -> tuple[list[int], Callable[[], None]]:
    """The tokens that the model is given from now on, one list item for each step."""
    steps: list[int] = []
    handle = network(provider).register_forward_pre_hook(
        lambda _module, _given, named: steps.append(int(named["input_ids"][0, -1])),
        with_kwargs=True,
    )
    return steps, handle.remove

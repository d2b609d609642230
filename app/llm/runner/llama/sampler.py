"""The chain that chooses the next token, in llama.cpp's own order (common/sampling.cpp)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import llama_cpp.llama_cpp as llama

from app.schema import Sampling

if TYPE_CHECKING:
    from app.llm.runner.llama.model import Model

MIN_KEEP = 1


@contextmanager
def chain(
    model: Model, sampling: Sampling, prompt: Sequence[int]
) -> Iterator[llama.llama_sampler_p]:
    """A sampler chain that knows the end of the prompt, freed after the block."""
    sampler = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    try:
        for link in _links(model, sampling):
            llama.llama_sampler_chain_add(sampler, link)
        if sampling.repeat_penalty != 1.0:
            for token in prompt[-sampling.repeat_last_n :]:
                llama.llama_sampler_accept(sampler, token)
        yield sampler
    finally:
        llama.llama_sampler_free(sampler)


def _links(model: Model, sampling: Sampling) -> Iterator[llama.llama_sampler_p]:
    if sampling.repeat_penalty != 1.0 and sampling.repeat_last_n > 0:
        yield llama.llama_sampler_init_penalties(
            model.vocabulary_size, sampling.repeat_last_n, sampling.repeat_penalty, 0.0, 0.0
        )
    if sampling.temperature <= 0:
        yield llama.llama_sampler_init_greedy()
        return
    yield llama.llama_sampler_init_top_k(sampling.top_k)
    yield llama.llama_sampler_init_top_p(sampling.top_p, MIN_KEEP)
    yield llama.llama_sampler_init_min_p(sampling.min_p, MIN_KEEP)
    yield llama.llama_sampler_init_temp(sampling.temperature)
    seed = secrets.randbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
    yield llama.llama_sampler_init_dist(seed)

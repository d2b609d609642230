"""Turns texts into vectors, in a context of its own, so that the chat's KV cache stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack

import llama_cpp.llama_cpp as llama

from app.errors import GenerationError
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama.model import Model


def embed(
    model: Model, texts: Sequence[Sequence[int]], threads: int, abort: AbortFlag
) -> list[list[float]]:
    """A vector of length 1 for each text: the mean of its tokens' last hidden states.

    Args:
        model: a loaded model.
        texts: each as its tokens; none may be empty.
        threads: how many compute.
        abort: ends the work with a GenerationError when it is set.

    Raises:
        GenerationError: llama.cpp failed or was stopped.
    """
    with ExitStack() as stack:
        context = _create_context(model, max(map(len, texts), default=1), threads)
        stack.callback(llama.llama_free, context)
        llama.llama_set_abort_callback(context, abort.callback, abort.data)
        return [_vector(context, model, tokens) for tokens in texts]


def _create_context(model: Model, size: int, threads: int) -> llama.llama_context_p:
    parameters = llama.llama_context_default_params()
    # The mean is taken over one micro-batch, so each text must fit into it.
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = size
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.embeddings = True
    parameters.pooling_type = llama.LLAMA_POOLING_TYPE_MEAN
    context = llama.llama_init_from_model(model.handle, parameters)
    if context is None:
        raise GenerationError(
            "There is not enough free memory to compare texts.", "Close other programs."
        )
    return context


def _vector(context: llama.llama_context_p, model: Model, tokens: Sequence[int]) -> list[float]:
    memory = llama.llama_get_memory(context)
    if memory is not None:
        llama.llama_memory_clear(memory, True)
    array = (llama.llama_token * len(tokens))(*tokens)
    result = llama.llama_decode(context, llama.llama_batch_get_one(array, len(tokens)))
    values = llama.llama_get_embeddings_seq(context, 0) if result == 0 else None
    if not values:
        raise GenerationError(
            "The model failed while it was comparing texts.",
            "Try again; if it happens again, unload the model and load it anew.",
            f"llama_decode returned {result}",
        )
    vector: list[float] = values[: model.embedding_width]
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]

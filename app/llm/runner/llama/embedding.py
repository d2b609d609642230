"""Turns texts into vectors, in a context of its own, so that the chat's KV cache stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import llama_cpp.llama_cpp as llama

from app.errors import ContextOverflow, GenerationError
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama.adapters import Adapters
from app.llm.runner.llama.model import Model

_POOLING = (
    llama.LLAMA_POOLING_TYPE_MEAN,
    llama.LLAMA_POOLING_TYPE_CLS,
    llama.LLAMA_POOLING_TYPE_LAST,
)


@dataclass(frozen=True, slots=True)
class Embedder:
    """What turns texts into vectors: a model with its adapters, and the limits that it keeps to."""

    model: Model
    adapters: Adapters
    context_size: int  # tokens that a text may have
    threads: int
    abort: AbortFlag

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text.

        The file's header says how the hidden states of a text's tokens become one vector: their
        mean, the first or the last; of a chat model's, it is the mean.

        Raises:
            ContextOverflow: a text is longer than the context.
            GenerationError: llama.cpp failed, or the abort flag was set.
        """
        pooling, framed = self._ways()
        encoded = [self._tokens(text, framed=framed) for text in texts]
        longest = max(map(len, encoded), default=0)
        if longest > self.context_size:
            raise ContextOverflow(longest, self.context_size)
        with ExitStack() as stack:
            context = self._create_context(max(longest, 1), pooling)
            stack.callback(llama.llama_free, context)
            self.adapters.apply(context)
            return [self._vector(context, tokens) for tokens in encoded]

    def _ways(self) -> tuple[int, bool]:
        """The way to pool, and whether the tokens of a text's begin and end belong to it.

        An embedding model's header names its pooling; they belong to what such a model was trained
        on, while they would only colour the mean of a chat model.
        """
        architecture = self.model.metadata("general.architecture")
        stated = self.model.metadata(f"{architecture}.pooling_type")
        sees_all = self.model.metadata(f"{architecture}.attention.causal") == "false"
        pooling = next((known for known in _POOLING if str(known) == stated), _POOLING[0])
        return pooling, bool(stated) or sees_all

    def _tokens(self, text: str, *, framed: bool) -> list[int]:
        return self.model.tokenize(text, framed=framed) or [max(self.model.eos, 0)]

    def _create_context(self, size: int, pooling: int) -> llama.llama_context_p:
        parameters = llama.llama_context_default_params()
        # A text is pooled over one micro-batch, so each must fit into it.
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = size
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.embeddings = True
        parameters.pooling_type = pooling
        context = llama.llama_init_from_model(self.model.handle, parameters)
        if context is None:
            raise GenerationError(
                "There is not enough free memory to compare texts.", "Close other programs."
            )
        llama.llama_set_abort_callback(context, self.abort.callback, self.abort.data)
        return context

    def _vector(self, context: llama.llama_context_p, tokens: Sequence[int]) -> list[float]:
        memory = llama.llama_get_memory(context)
        if memory is not None:
            llama.llama_memory_clear(memory, True)
        array = (llama.llama_token * len(tokens))(*tokens)
        run = llama.llama_encode if self.model.only_encodes else llama.llama_decode
        result = run(context, llama.llama_batch_get_one(array, len(tokens)))
        values = llama.llama_get_embeddings_seq(context, 0) if result == 0 else None
        if not values:
            raise GenerationError(
                "The model failed while it was comparing texts.",
                "Try again; if it happens again, unload the model and load it anew.",
                f"llama.cpp returned {result}",
            )
        vector: list[float] = values[: self.model.vector_width]
        length = math.hypot(*vector) or 1.0
        return [value / length for value in vector]

"""Measures how fast a loaded model reads a prompt and writes an answer, as llama-bench does.

Source of the procedure: llama.cpp, tools/llama-bench/llama-bench.cpp: a fresh context that is just
large enough, random tokens, one run to warm up, and an empty KV cache before each run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import llama_cpp.llama_cpp as llama

from app.errors import GenerationError
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama import context
from app.llm.runner.llama.model import Model
from app.llm.trials import Test
from app.schema import LoadPlan

ABORTED = 2  # a result of llama_decode


class BenchAborted(Exception):
    """The abort flag ended a measurement."""


class Benchmark:
    """Measures in a context of its own, beside the chat's; `close` frees it."""

    def __init__(self, model: Model, plan: LoadPlan, tokens: int, abort: AbortFlag) -> None:
        """Makes a context as the plan has it, but for `tokens` alone.

        Raises:
            ModelTooLarge: there is not enough memory for it.
        """
        self._abort = abort
        self._words = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model.handle))
        self._bos = model.bos if model.adds_bos else None
        self._context = context.create(model, replace(plan, n_ctx=tokens), abort)
        self._batch = llama.llama_n_batch(self._context)
        self._random = random.Random(0)  # noqa: S311 - which tokens they are does not matter

    def close(self) -> None:
        """Frees the context."""
        llama.llama_free(self._context)

    def seconds(self, test: Test) -> Iterator[float]:
        """How long each run takes.

        Raises:
            BenchAborted: the abort flag was set.
            GenerationError: llama.cpp failed.
        """
        work = self._read if test.is_prompt else self._write
        self._clear()
        work(test.tokens if test.is_prompt else 1)  # to warm up
        for _ in range(test.runs):
            self._clear()
            if test.depth:
                self._read(test.depth)
            began = time.perf_counter()
            work(test.tokens)
            yield time.perf_counter() - began

    def _read(self, tokens: int) -> None:
        done = 0
        while done < tokens:
            count = min(tokens - done, self._batch)
            part = [self._random.randrange(self._words) for _ in range(count)]
            if not done and self._bos is not None:
                part[0] = self._bos
            self._decode(part)
            done += count
        llama.llama_synchronize(self._context)

    def _write(self, tokens: int) -> None:
        token = self._bos if self._bos is not None else self._random.randrange(self._words)
        for _ in range(tokens):
            self._decode([token])
            llama.llama_synchronize(self._context)
            token = self._random.randrange(self._words)

    def _decode(self, tokens: Sequence[int]) -> None:
        if self._abort.is_set():
            raise BenchAborted
        array = (llama.llama_token * len(tokens))(*tokens)
        result = llama.llama_decode(self._context, llama.llama_batch_get_one(array, len(tokens)))
        if result == ABORTED:
            raise BenchAborted
        if result != 0:
            raise GenerationError(
                "The model failed while its speed was measured.",
                "Try again; if it happens again, load the model anew.",
                f"llama_decode returned {result}",
            )

    def _clear(self) -> None:
        memory = llama.llama_get_memory(self._context)
        if memory is not None:
            llama.llama_memory_clear(memory, False)

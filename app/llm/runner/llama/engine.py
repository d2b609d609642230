"""Answers with llama.cpp: prompt, KV cache, generation.

Built on the low-level bindings of llama-cpp-python: `llama_cpp.Llama` takes neither a load-progress
nor an abort callback and evaluates a prompt in one call. Every method blocks and belongs to one
thread; only the abort flag may be set from another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress

import llama_cpp.llama_cpp as llama

from app.errors import ContextOverflow, GenerationError, NoModel
from app.llm.runner import kv_prefix
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.chat_template import Prompt, Templater
from app.llm.runner.interface import Loaded
from app.llm.runner.llama import context, device, log, sampler
from app.llm.runner.llama.adapters import Adapters
from app.llm.runner.llama.answer import Answer
from app.llm.runner.llama.benchmark import BenchAborted, Benchmark
from app.llm.runner.llama.embedding import Embedder
from app.llm.runner.llama.model import LoadCancelled, Model
from app.llm.runner.text_stream import TextStream
from app.llm.trials import Test
from app.schema import (
    Chunk,
    Finish,
    FinishReason,
    LoadPlan,
    PromptProgress,
    Request,
    Sampling,
)

FIRST_SLICE = 128  # tokens of a prompt that are processed before the first report
SLICE_SECONDS = 0.4  # how often prompt processing reports
ABORTED, NO_KV_SLOT = 2, 1  # results of llama_decode
_LOG = logging.getLogger(__name__)


class _Aborted(Exception):
    """The abort flag ended a computation."""


class Engine:
    """One model, its context, and the tokens that are in its KV cache."""

    def __init__(self, abort: AbortFlag) -> None:
        self._abort = abort
        self._resources = ExitStack()
        self._model: Model | None = None
        self._templater: Templater | None = None
        self._embedder: Embedder | None = None
        self._cached: list[int] = []
        self._batch = 0
        self.context_size = 0  # tokens
        log.forward()
        llama.llama_backend_init()

    def load(self, plan: LoadPlan, on_progress: Callable[[float], None]) -> Loaded:
        """Loads a model in place of the present one.

        Raises:
            LoadCancelled: the abort flag was set.
            ModelError: llama.cpp refused the file or the context.
        """
        self.unload()

        def report(fraction: float) -> bool:
            on_progress(fraction)
            return not self._abort.is_set()

        with ExitStack() as stack:
            model = Model(plan, report)
            stack.callback(model.close)
            adapters = Adapters(model, plan)
            stack.callback(adapters.close)
            if not plan.for_embedding:
                self._open(model, adapters, plan, stack)
            if self._abort.is_set():
                raise LoadCancelled
            self._resources = stack.pop_all()
        self.context_size = plan.n_ctx
        if not plan.for_embedding:
            self._model = model
            self._templater = _templater(model)
            self.context_size = llama.llama_n_ctx(self._context)
        self._embedder = Embedder(model, adapters, self.context_size, plan.n_threads, self._abort)
        where = device.of(model.layers, plan.n_gpu_layers)
        notice = self._templater.notice if self._templater else ""
        return Loaded(self.context_size, where, notice, model.weights)

    def unload(self) -> None:
        """Frees the model and its context."""
        self._model = None
        self._templater = None
        self._embedder = None
        self._cached.clear()
        self.context_size = 0
        self._resources.close()

    def count_tokens(self, request: Request) -> int:
        """The tokens of the request's prompt."""
        return len(self._prompt_tokens(request)[0])

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text.

        Raises:
            NoModel: none is loaded.
            ContextOverflow: a text is longer than the context.
            GenerationError: llama.cpp failed.
        """
        if self._embedder is None:
            raise _nothing_loaded()
        return self._embedder.embed(texts)

    def bench(self, plan: LoadPlan, test: Test) -> Iterator[float]:
        """The seconds of each run of a test, with threads, steps and cache as in `plan`.

        The loaded model and its chat stay as they are. The abort flag ends it.

        Raises:
            NoModel: none is loaded.
            ModelTooLarge: there is not enough memory for another context.
            GenerationError: llama.cpp failed.
        """
        measured = Benchmark(self._loaded()[0], plan, test.depth + test.tokens, self._abort)
        with closing(measured), suppress(BenchAborted):
            yield from measured.seconds(test)

    def generate(self, request: Request) -> Iterator[Chunk]:
        """Streams an answer; the abort flag ends it with FinishReason.CANCELLED.

        Raises:
            NoModel: none is loaded.
            ContextOverflow: the prompt leaves no room for an answer.
            GenerationError: llama.cpp failed.
        """
        started = time.monotonic()
        model, templater = self._loaded()
        tokens, prompt = self._prompt_tokens(request)
        if prompt.notice and prompt.notice != templater.notice:
            yield Chunk(notice=prompt.notice)
        if len(tokens) >= self.context_size:
            raise ContextOverflow(len(tokens), self.context_size)
        tokens, kept = kv_prefix.reuse(self._cached, tokens, model.piece)
        answer = Answer(prompt, started, prompt_tokens=len(tokens))
        answer.cached_tokens = self._keep(min(kept, len(tokens) - 1))
        answer.prompt_began = time.monotonic()
        try:
            for progress in self._process(tokens, answer.cached_tokens):
                yield Chunk(progress=progress)
            answer.prompt_done = time.monotonic()
            with sampler.chain(model, request.sampling, tokens) as chain:
                yield from self._speak(answer, chain, request.sampling)
        except _Aborted:
            self._keep(len(self._cached))
        yield Chunk(finish=Finish(answer.reason, answer.usage()))

    def _open(self, model: Model, adapters: Adapters, plan: LoadPlan, stack: ExitStack) -> None:
        """Creates the context of the chat; `stack` frees it."""
        self._context = context.create(model, plan, self._abort)
        stack.callback(llama.llama_free, self._context)
        adapters.apply(self._context)
        self._batch = llama.llama_n_batch(self._context)

    def _speak(
        self, answer: Answer, chain: llama.llama_sampler_p, sampling: Sampling
    ) -> Iterator[Chunk]:
        """Generates until the model or a limit ends the answer; a token is one chunk."""
        model, _ = self._loaded()
        room = self.context_size - answer.prompt_tokens
        limit = min(sampling.max_tokens or room, room)
        stop = (*answer.prompt.stop, *sampling.stop)
        text = TextStream(stop, trim_start=answer.prompt.trim_start)
        while True:
            token = llama.llama_sampler_sample(chain, self._context, -1)
            answer.last_token = time.monotonic()
            answer.first_token = answer.first_token or answer.last_token
            if model.ends_turn(token):
                answer.reason = FinishReason.STOP
                break
            answer.generated += 1
            yield Chunk(text=text.feed(model.spoken(token)), tokens=1)
            if text.stopped:
                answer.reason = FinishReason.STOP
                break
            if answer.generated == limit:
                answer.reason = FinishReason.CONTEXT if limit == room else FinishReason.LENGTH
                break
            self._decode([token])
        yield Chunk(text=text.close())

    def _loaded(self) -> tuple[Model, Templater]:
        if self._model is None or self._templater is None:
            raise _nothing_loaded()
        return self._model, self._templater

    def _prompt_tokens(self, request: Request) -> tuple[list[int], Prompt]:
        """The prompt's tokens, begun (and for a raw text ended) as the model expects."""
        model, templater = self._loaded()
        prompt = templater.prompt(request.messages) if request.raw is None else Prompt(request.raw)
        tokens = model.tokenize(prompt.text)
        is_raw = request.raw is not None
        if model.adds_bos and (is_raw or tokens[:1] != [model.bos]):
            tokens.insert(0, model.bos)
        if model.adds_eos and is_raw:
            tokens.append(model.eos)
        if not tokens:
            raise GenerationError("There is nothing to answer.", "Write something first.")
        return tokens, prompt

    def _process(self, tokens: Sequence[int], kept: int) -> Iterator[PromptProgress]:
        """Decodes the part of the prompt that is not in the cache, and reports on the way."""
        done, size = kept, FIRST_SLICE
        yield PromptProgress(done, len(tokens), kept)
        while done < len(tokens):
            began = time.monotonic()
            part = tokens[done : done + min(size, self._batch)]
            self._decode(part)
            done += len(part)
            yield PromptProgress(done, len(tokens), kept)
            rate = len(part) / max(time.monotonic() - began, 1e-6)
            size = max(FIRST_SLICE, int(rate * SLICE_SECONDS) // FIRST_SLICE * FIRST_SLICE)

    def _decode(self, tokens: Sequence[int]) -> None:
        """Runs the model over some tokens, which are in the cache afterwards."""
        if self._abort.is_set():
            raise _Aborted
        array = (llama.llama_token * len(tokens))(*tokens)
        result = llama.llama_decode(self._context, llama.llama_batch_get_one(array, len(tokens)))
        if result == ABORTED:
            raise _Aborted
        if result != 0:
            self._forget()
            raise GenerationError(
                "The model failed while it was answering.",
                "Try again; if it happens again, unload the model and load it anew.",
                f"llama_decode returned {result} after {len(self._cached)} tokens",
            )
        self._cached.extend(tokens)

    def _keep(self, count: int) -> int:
        """Cuts the KV cache down to its first `count` tokens; returns how many really stay."""
        memory = llama.llama_get_memory(self._context)
        if memory is not None and llama.llama_memory_seq_rm(memory, 0, count, -1):
            del self._cached[count:]
        else:  # a recurrent state cannot go back
            self._forget()
        return len(self._cached)

    def _forget(self) -> None:
        memory = llama.llama_get_memory(self._context)
        if memory is not None:
            llama.llama_memory_clear(memory, True)
        self._cached.clear()


def _templater(model: Model) -> Templater:
    return Templater(
        model.chat_template,
        model.has_token,
        model.token_text(model.bos),
        model.token_text(model.eos),
    )


def _nothing_loaded() -> NoModel:
    return NoModel("No model is loaded.", "Choose or open a model first.")

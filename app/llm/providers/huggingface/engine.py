"""Answers with a model of transformers. Every method blocks and belongs to one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers

from app.errors import ContextOverflow, Unsupported
from app.llm.providers.huggingface import loading, naming, refusals, speech
from app.llm.providers.huggingface.loading import Found, OnProgress
from app.llm.providers.huggingface.prompting import Prompter
from app.llm.providers.huggingface.speech import Speech
from app.llm.providers.huggingface.token_text import TokenText
from app.llm.providers.huggingface.work_thread import Stop, Stopped
from app.llm.providers.wire import thinking
from app.llm.providers.wire.thinking import Thinking
from app.llm.runner.chat_template import Prompt
from app.llm.runner.text_stream import TextStream
from app.schema import (
    Chunk,
    Endpoint,
    Finish,
    FinishReason,
    LoadedModel,
    ModelInfo,
    ModelRef,
    Request,
    Usage,
)

BEFORE = 8  # tokens of a raw prompt that are decoded with the first of what follows
NUMBERS = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}  # torch's names, and the usual


@dataclass(frozen=True, slots=True)
class _Model:
    """A model that is loaded."""

    found: Found
    network: Any
    device: str
    facts: LoadedModel


class Engine:
    """One model at a time: it is loaded when it is first asked for, and kept until another is."""

    def __init__(self, endpoint: Endpoint, title: str) -> None:
        """`title` is the provider's."""
        self._endpoint = endpoint
        self._title = title
        self._model: _Model | None = None
        self._stop = Stop()  # of what is done now

    @property
    def facts(self) -> LoadedModel | None:
        """What is loaded; may be asked on any thread."""
        model = self._model
        return model.facts if model else None

    def load(self, name: str, stop: Stop, on_progress: OnProgress) -> LoadedModel:
        """Loads a model in place of the present one, which is kept where the new one is none.

        Raises:
            Stopped: `stop` was set.
            HearthError: it cannot be loaded.
        """
        return self._ready(name, stop, on_progress).facts

    def unload(self) -> None:
        """Gives the model's memory back."""
        self._model = None
        loading.free_device_memory()

    def count_tokens(self, name: str, request: Request) -> int:
        """The tokens of a request's prompt; the weights are not needed for it."""
        return len(self._prompter(name).encode(request)[0])

    def embed(self, name: str, texts: Sequence[str], stop: Stop) -> list[list[float]]:
        """A vector of length 1 for each text: the mean of the last layer's vectors.

        Raises:
            ContextOverflow: a text is longer than the context.
            HearthError: the model cannot be loaded, or failed.
        """
        model = self._ready(name, stop)
        encoded = [model.found.prompter.text_tokens(text) for text in texts]
        longest = max(map(len, encoded), default=0)
        if longest > model.facts.context:
            raise ContextOverflow(longest, model.facts.context)
        with refusals.answering(self._title), torch.inference_mode():
            return [_embedding(model, tokens) for tokens in encoded]

    def answer(
        self, name: str, request: Request, stop: Stop, emit: Callable[[Chunk], None]
    ) -> None:
        """Emits an answer as it comes; its end is the last chunk.

        Raises:
            Stopped: `stop` was set.
            ContextOverflow: the prompt leaves no room for an answer.
            HearthError: the model cannot be loaded, cannot chat, or failed.
        """
        model = self._ready(name, stop)
        began = time.monotonic()
        self._check_can_chat(model)
        tokens, prompt = model.found.prompter.encode(request)
        room = model.facts.context - len(tokens)
        if room <= 0:
            raise ContextOverflow(len(tokens), model.facts.context)
        for notice in _notices(request, prompt, model.facts):
            emit(Chunk(notice=notice))
        spoken = self._speech(model.found.prompter, request, prompt, tokens, stop, emit)
        limit = min(request.sampling.max_tokens or room, room)
        with refusals.answering(self._title):
            self._generate(model, tokens, request, spoken, limit)
        if stop.is_set():
            raise Stopped
        spoken.close()
        at_limit = FinishReason.CONTEXT if limit == room else FinishReason.LENGTH
        usage = Usage(
            prompt_tokens=len(tokens),
            cached_tokens=0,
            generated_tokens=spoken.count,
            prompt_seconds=spoken.first - began,
            first_token_seconds=spoken.first - began,
            generation_seconds=spoken.last - spoken.first,
        )
        emit(Chunk(finish=Finish(spoken.reason or at_limit, usage)))

    def _generate(
        self, model: _Model, tokens: list[int], request: Request, spoken: Speech, limit: int
    ) -> None:
        sampling = request.sampling
        ids = torch.tensor([tokens], device=model.device)
        speech.seed(sampling.seed)
        model.network.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=transformers.GenerationConfig(**speech.settings(sampling, limit)),
            logits_processor=transformers.LogitsProcessorList(speech.processors(sampling)),
            stopping_criteria=transformers.StoppingCriteriaList([spoken]),
        )

    def _speech(
        self,
        prompter: Prompter,
        request: Request,
        prompt: Prompt,
        tokens: list[int],
        stop: Stop,
        emit: Callable[[Chunk], None],
    ) -> Speech:
        """What follows the answer to a prompt."""
        assert self._model is not None  # noqa: S101 - the caller made it ready
        ends = set(self._model.network.generation_config.eos_token_id or ())
        # A stop that is a special token is never seen in the text.
        ends |= {number for text in prompt.stop if (number := prompter.id_of(text)) is not None}
        split = Thinking() if request.raw is None else None
        if split is not None and prompt.text.rstrip().endswith(thinking.OPEN):
            split.feed(thinking.OPEN)  # the template has begun the reasoning
        return Speech(
            TokenText(prompter.decode, tokens[-BEFORE:] if request.raw is not None else ()),
            TextStream((*prompt.stop, *request.sampling.stop), trim_start=prompt.trim_start),
            split,
            ends,
            stop,
            emit,
        )

    def _ready(
        self, name: str, stop: Stop, on_progress: OnProgress = lambda _fraction: None
    ) -> _Model:
        self._stop = stop
        if self._model is None or self._model.found.name != name:
            device = loading.choose_device(self._endpoint.device, self._title)
            found = loading.find(name, self._title)
            self.unload()
            network = loading.read_weights(found, self._title, device, stop, on_progress)
            self._watch_layers(network)
            self._model = _Model(found, network, device, self._describe(found, network, device))
        return self._model

    def _prompter(self, name: str) -> Prompter:
        if self._model is not None and self._model.found.name == name:
            return self._model.found.prompter
        return loading.find(name, self._title).prompter

    def _watch_layers(self, network: Any) -> None:
        """Has a stop noticed before each layer: a long prompt is read in one go."""

        def check(*_: Any) -> None:
            if self._stop.is_set():
                raise Stopped

        for module in network.modules():
            if isinstance(module, torch.nn.ModuleList):
                for layer in module:
                    layer.register_forward_pre_hook(check)

    def _describe(self, found: Found, network: Any, device: str) -> LoadedModel:
        own = found.own_context
        wanted = self._endpoint.context or own or loading.UNKNOWN_CONTEXT
        number = str(network.dtype).removeprefix("torch.")
        info = ModelInfo(
            ref=ModelRef(self._endpoint.name, found.name),
            name=naming.short_name(found.name),
            size=network.get_memory_footprint(),
            quantisation=NUMBERS.get(number, number),
            architecture=str(found.config.model_type),
            parameters=network.num_parameters(),
            trained_context=own,
            provider=self._title,
            features=frozenset(("chat", "embedding") if found.can_chat else ("embedding",)),
            is_loaded=True,
        )
        return LoadedModel(
            info,
            context=min(wanted, own or wanted),
            threads=torch.get_num_threads(),
            device=loading.device_name(device),
            notice=found.prompter.notice if found.can_chat else "",
        )

    def _check_can_chat(self, model: _Model) -> None:
        if not model.found.can_chat:
            raise Unsupported(
                f"“{model.found.name}” cannot chat: it turns texts into vectors.",
                "Choose another model to chat with.",
                provider=self._title,
            )


def _embedding(model: _Model, tokens: list[int]) -> list[float]:
    ids = torch.tensor([tokens], device=model.device)
    layers = model.network.base_model(input_ids=ids, attention_mask=torch.ones_like(ids))
    mean = layers.last_hidden_state[0].float().mean(dim=0)
    vector: list[float] = torch.nn.functional.normalize(mean, dim=0).tolist()
    return vector


def _notices(request: Request, prompt: Prompt, facts: LoadedModel) -> list[str]:
    """What the person should know before the answer."""
    missing = {
        "pictures": any(message.images for message in request.messages),
        "tools": bool(request.tools),
        "a schema for the answer": request.schema is not None,
    }
    notices = [prompt.notice] if prompt.notice and prompt.notice != facts.notice else []
    left_out = ", ".join(name for name, is_asked in missing.items() if is_asked)
    if left_out:
        notices.append(f"Left out, because models of this kind do not take it here: {left_out}.")
    return notices

"""Reads models from this disk with transformers: nothing is fetched, no code of theirs is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import transformers

from app.errors import Misconfigured, ModelFileError, ModelMissing
from app.llm.providers.huggingface import naming, refusals
from app.llm.providers.huggingface.prompting import Prompter
from app.llm.providers.huggingface.work_thread import Stop, Stopped

SPEAKERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")  # the ends of class names
UNKNOWN_CONTEXT = 8192  # tokens, for a model that names no limit
NO_LIMIT = 10**9  # a tokenizer that knows none says a number beyond it
LOCAL = {"local_files_only": True, "trust_remote_code": False}
OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A model without its weights."""

    name: str  # as the person wrote it
    source: str  # a repo's id or the path of a folder
    config: Any
    tokenizer: Any
    prompter: Prompter
    can_chat: bool

    @property
    def own_context(self) -> int:
        """How many tokens it was trained for; 0 where it does not say."""
        limit = getattr(self.config.get_text_config(), "max_position_embeddings", None)
        limits = [limit] if isinstance(limit, int) and limit > 0 else []
        if not limits or not self.can_chat:  # some encoders have positions that are never used
            limits += [self.tokenizer.model_max_length]
        return min((int(one) for one in limits if one < NO_LIMIT), default=0)


def find(name: str, title: str) -> Found:
    """The model of a repo in the cache, or of a folder; `title` is the provider's.

    Raises:
        HearthError: it is not there, or not fit for this.
    """
    path = naming.folder(name)
    if path is None and naming.is_path(name):
        raise ModelMissing(f"There is no folder {name}.", "Check the model's path.", provider=title)
    source = name if path is None else str(path)
    transformers.utils.logging.set_verbosity_error()
    with refusals.translated(name, title):
        config = transformers.AutoConfig.from_pretrained(source, **LOCAL)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **LOCAL)
        classes = config.architectures or ()
        can_chat = any(one.endswith(SPEAKERS) for one in classes)
        return Found(name, source, config, tokenizer, Prompter(tokenizer), can_chat)


def read_weights(found: Found, title: str, device: str, stop: Stop, on_progress: OnProgress) -> Any:
    """The model itself, ready on its device; `on_progress` is told fractions.

    Raises:
        Stopped: `stop` was set.
        HearthError: the weights cannot be read, or there is too little memory.
    """
    auto = transformers.AutoModelForCausalLM if found.can_chat else transformers.AutoModel
    with refusals.translated(found.name, title), _watched(stop, on_progress):
        model, report = auto.from_pretrained(
            found.source, dtype="auto", use_safetensors=True, output_loading_info=True, **LOCAL
        )
        # Encoders are often kept without the layer behind them, which is not needed here.
        lacking = [name for name in report["missing_keys"] if "pooler" not in name]
        if lacking:
            raise ModelFileError(
                f"“{found.name}” lacks {len(lacking)} of its weights.",
                naming.fetch_line(found.name),
                ", ".join(sorted(lacking)[:10]),
            )
        _simplify_generation(model, found)
        return model.to(device).eval()


def choose_device(wanted: str, title: str) -> str:
    """The device for a model: `wanted`, or the best of this computer.

    Raises:
        Misconfigured: this computer has no such device.
    """
    here = ["cpu"]
    if torch.backends.mps.is_available():
        here.insert(0, "mps")
    if torch.cuda.is_available():
        here[:0] = ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if wanted and wanted not in here:
        raise Misconfigured(
            f"torch finds no device “{wanted}” on this computer.",
            f"Choose one of: {', '.join(here)}.",
            provider=title,
        )
    return wanted or here[0]


def device_name(device: str) -> str:
    """A device as a person reads it."""
    if device.startswith("cuda"):
        return f"CUDA ({torch.cuda.get_device_name(device)})"
    return {"mps": "Metal", "cpu": "CPU"}.get(device, device)


def free_device_memory() -> None:
    """Gives the memory of models that are gone back to the system."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _simplify_generation(model: Any, found: Found) -> None:
    """Leaves of the model's own settings for generation only what ends a turn.

    The rest is Hearth's: what a request does not say would be filled in from there.
    """
    own = getattr(model, "generation_config", None)
    if own is None:
        return
    ends = own.eos_token_id
    ends = [ends] if isinstance(ends, int) else list(ends or ())
    if found.tokenizer.eos_token_id is not None and found.tokenizer.eos_token_id not in ends:
        ends.append(found.tokenizer.eos_token_id)
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=own.bos_token_id,
        eos_token_id=ends or None,
        pad_token_id=own.pad_token_id if own.pad_token_id is not None else (ends or [0])[0],
    )


@contextmanager
def _watched(stop: Stop, on_progress: OnProgress) -> Iterator[None]:
    """Takes the place of transformers' progress bar, and ends the reading where that is wanted."""

    def steps(items: Any) -> Iterator[Any]:
        for done, item in enumerate(items):
            if stop.is_set():
                raise Stopped
            on_progress(done / len(items))
            yield item

    def hook(bar: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if given and hasattr(given[0], "__len__"):
            return steps(given[0])
        return bar(*given, **{**named, "disable": True})

    before = transformers.utils.logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        transformers.utils.logging.set_tqdm_hook(before)

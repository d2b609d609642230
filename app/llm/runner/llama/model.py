"""A model's weights and vocabulary."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import llama_cpp.llama_cpp as llama

from app.errors import GenerationError, UnsupportedModel
from app.llm.runner.llama import log
from app.llm.runner.llama.placement import Placement
from app.schema import LoadPlan, Weights

PIECE_BYTES = 256
VALUE_BYTES = 256  # of a metadata value; longer ones are cut


class LoadCancelled(Exception):
    """The progress callback asked for an end."""


class Model:
    """The loaded weights; frees them on `close`."""

    def __init__(self, plan: LoadPlan, on_progress: Callable[[float], bool]) -> None:
        """Loads the file of `plan`.

        Args:
            plan: what to load, and how.
            on_progress: called with 0 to 1 as the weights are read; False cancels the load.

        Raises:
            LoadCancelled: `on_progress` returned False.
            ModelError: llama.cpp refused the file.
        """
        self._resources = ExitStack()
        cancelled = False

        @llama.llama_progress_callback
        def report(fraction: float, _data: ctypes.c_void_p) -> bool:
            nonlocal cancelled
            cancelled = cancelled or not on_progress(fraction)
            return not cancelled

        parameters = llama.llama_model_default_params()
        placement = Placement(plan, parameters)
        parameters.use_extra_bufts = plan.extra_buffers
        parameters.progress_callback = report
        name = Path(plan.path).name
        with log.captured() as lines:
            handle = llama.llama_model_load_from_file(plan.path.encode(), parameters)
        del placement  # until here the parameters pointed to it
        if handle is None:
            if cancelled:
                raise LoadCancelled
            raise log.explain(name, lines)
        self.handle = handle
        self._resources.callback(llama.llama_model_free, handle)
        vocabulary = llama.llama_model_get_vocab(handle)
        has_encoder = llama.llama_model_has_encoder(handle)
        self.only_encodes: bool = has_encoder and not llama.llama_model_has_decoder(handle)
        is_usable = not has_encoder or (plan.for_embedding and self.only_encodes)
        if vocabulary is None or not is_usable:
            self.close()
            raise UnsupportedModel(
                f"“{name}” is an encoder, which cannot chat.", "Choose a chat model."
            )
        self._vocabulary = vocabulary
        self._pieces: dict[int, bytes] = {}

    def close(self) -> None:
        """Frees the weights."""
        self._resources.close()

    @property
    def chat_template(self) -> str:
        """The Jinja source from the file, or ""."""
        source: bytes | None = llama.llama_model_chat_template(self.handle, None)
        return source.decode("utf-8", "replace") if source else ""

    @property
    def weights(self) -> Weights:
        """What llama.cpp says of them."""
        buffer = ctypes.create_string_buffer(VALUE_BYTES)
        llama.llama_model_desc(self.handle, buffer, VALUE_BYTES)
        return Weights(
            buffer.value.decode("utf-8", "replace"),
            llama.llama_model_size(self.handle),
            llama.llama_model_n_params(self.handle),
        )

    @property
    def bos(self) -> int:
        """The token that begins a text, or -1."""
        return llama.llama_vocab_bos(self._vocabulary)

    @property
    def eos(self) -> int:
        """The token that ends a text, or -1."""
        return llama.llama_vocab_eos(self._vocabulary)

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are."""
        return llama.llama_vocab_n_tokens(self._vocabulary)

    @property
    def layers(self) -> int:
        """How many layers there are, the output layer among them."""
        return llama.llama_model_n_layer(self.handle) + 1

    @property
    def vector_width(self) -> int:
        """How many numbers the vector of a text has."""
        return llama.llama_model_n_embd_out(self.handle)

    def metadata(self, key: str) -> str:
        """A scalar value from the file's header, or ""."""
        buffer = ctypes.create_string_buffer(VALUE_BYTES)
        llama.llama_model_meta_val_str(self.handle, key.encode(), buffer, VALUE_BYTES)
        return buffer.value.decode("utf-8", "replace")

    @property
    def adds_bos(self) -> bool:
        """Whether a prompt is meant to begin with `bos`."""
        return self.bos >= 0 and llama.llama_vocab_get_add_bos(self._vocabulary)

    @property
    def adds_eos(self) -> bool:
        """Whether a raw text is meant to end with `eos`."""
        return self.eos >= 0 and llama.llama_vocab_get_add_eos(self._vocabulary)

    def ends_turn(self, token: int) -> bool:
        """Whether the model says with this token that it is done."""
        return llama.llama_vocab_is_eog(self._vocabulary, token)

    def tokenize(self, text: str, *, framed: bool = False) -> list[int]:
        """The tokens of a text, in which special tokens may be written out.

        With `framed` the tokens with which the model wants each text to begin and end are added.
        """
        data = text.encode("utf-8", "replace")
        room = len(data) // 3 + 16
        while True:
            tokens = (llama.llama_token * room)()
            count = llama.llama_tokenize(
                self._vocabulary, data, len(data), tokens, room, framed, True
            )
            if count >= 0:
                return tokens[:count]
            if count == -(2**31):
                raise GenerationError("The text is too long to be read.", "Shorten it.")
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for, special tokens written out."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._to_piece(token, special=True)
        return known

    def spoken(self, token: int) -> bytes:
        """The bytes of a token as they appear in an answer, where control tokens are silent."""
        return self._to_piece(token, special=False)

    def has_token(self, text: str) -> bool:
        """Whether this text is one token of its own."""
        return len(self.tokenize(text)) == 1

    def token_text(self, token: int) -> str:
        """A token as it is written in the vocabulary; "" for -1."""
        return self.piece(token).decode("utf-8", "replace") if token >= 0 else ""

    def _to_piece(self, token: int, *, special: bool) -> bytes:
        size = PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = llama.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

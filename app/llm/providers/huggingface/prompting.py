"""Writes a request as the tokens that a model reads."""

from __future__ import annotations

from typing import Any

from app.errors import GenerationError
from app.llm.runner.chat_template import Prompt, Templater
from app.schema import Request


class Prompter:
    """The tokenizer of a model with its chat template.

    The template is run in Hearth's sandbox with the same variables that transformers gives it.
    """

    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer` is one of transformers'."""
        self._tokenizer = tokenizer
        source = tokenizer.chat_template or ""
        if isinstance(source, dict):  # several, by their names
            source = source.get("default", "")
        special = {
            name: str(token)
            for name, token in tokenizer.special_tokens_map.items()
            if not isinstance(token, list)
        }
        self._templater = Templater(
            source,
            lambda token: self.id_of(token) is not None,
            special.get("bos_token", ""),
            special.get("eos_token", ""),
            {**special, "tools": None, "documents": None},
        )

    @property
    def notice(self) -> str:
        """Why a fallback stands in for the model's own template; "" where none does."""
        return self._templater.notice

    def encode(self, request: Request) -> tuple[list[int], Prompt]:
        """The tokens of a request and what is to be known of their text.

        Raises:
            GenerationError: there are none.
        """
        if request.raw is not None:
            prompt, whole = Prompt(request.raw), True
        else:
            prompt = self._templater.prompt(request.messages, _thinking(request.think))
            whole = bool(prompt.notice)  # a fallback writes no special tokens of the model's
        tokens = self._tokenizer(prompt.text, add_special_tokens=whole)["input_ids"]
        if not tokens:
            raise GenerationError("There is nothing to answer.", "Write something first.")
        return tokens, prompt

    def text_tokens(self, text: str) -> list[int]:
        """The tokens of a text that is only read; at least one."""
        tokens: list[int] = self._tokenizer(text)["input_ids"]
        return tokens or [self._tokenizer.eos_token_id or 0]

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens, without the special ones."""
        text: str = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def id_of(self, token: str) -> int | None:
        """The number of a token, None where the vocabulary has no such."""
        number = self._tokenizer.convert_tokens_to_ids(token)
        unknown = number is None or number == self._tokenizer.unk_token_id
        return None if unknown else int(number)


def _thinking(wanted: bool | str | None) -> dict[str, Any]:  # noqa: FBT001 - as in Request
    """The variables by which chat templates switch reasoning: those of Qwen and of gpt-oss."""
    if wanted is None:
        return {}
    if isinstance(wanted, bool):
        return {"enable_thinking": wanted}
    return {"enable_thinking": True, "reasoning_effort": wanted}

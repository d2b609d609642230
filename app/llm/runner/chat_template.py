"""Writes a conversation in the form that a model was trained on.

The model's own template comes first. Where it is missing or fails, a fallback is used and named:
ChatML where the vocabulary has its tokens, else plain lines that begin with the speaker's name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.errors import TemplateError
from app.llm.runner import sandbox
from app.schema import Message, Role

TIME_LIMIT = 2.0  # seconds for compiling or rendering a template
CHATML_TOKENS = ("<|im_start|>", "<|im_end|>")
MAX_REASON = 160  # characters
_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text that a model continues, what ends its turn, and why a fallback wrote it."""

    text: str
    stop: tuple[str, ...] = ()
    notice: str = ""
    trim_start: bool = False  # the answer begins with a space that belongs to the prompt's form


class JinjaTemplate:
    """A model's own chat template; raises TemplateError for whatever goes wrong in it."""

    def __init__(
        self,
        source: str,
        bos: str = "",
        eos: str = "",
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        """`variables` are others that the template may read."""
        self._given = {"bos_token": bos, "eos_token": eos, **(variables or {})}
        self._template = _guarded(lambda: sandbox.TemplateEnvironment().from_string(source))

    def render(
        self, messages: Sequence[Message], variables: Mapping[str, Any] | None = None
    ) -> str:
        """The prompt, up to where the model's answer begins; `variables` are of this one alone.

        A template that takes no system message is given it inside the person's first one, and turns
        of one speaker in a row are joined for a template that demands that they alternate.
        """
        attempts: list[list[Message]] = []
        refusal: TemplateError | None = None
        for attempt in (list(messages), _without_system(messages), _alternating(messages)):
            if attempt in attempts:
                continue
            attempts.append(attempt)
            try:
                return self._render(attempt, variables or {})
            except TemplateError as error:
                if not isinstance(error.__cause__, sandbox.Refusal):
                    raise
                refusal = refusal or error
        raise refusal or TemplateError("There is nothing to render.")

    def _render(self, messages: Sequence[Message], variables: Mapping[str, Any]) -> str:
        turns = [{"role": str(message.role), "content": message.text} for message in messages]
        given = {**self._given, **variables, "messages": turns, "add_generation_prompt": True}
        return _guarded(lambda: self._template.render(given))


class Templater:
    """Chooses between a model's own template and the fallbacks, and says which and why."""

    def __init__(
        self,
        source: str,
        has_token: Callable[[str], bool],
        bos: str,
        eos: str,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        """`variables` are others that the model's own template may read."""
        self._has_chatml = all(map(has_token, CHATML_TOKENS))
        self._own: JinjaTemplate | None = None
        self.notice = ""
        if not source.strip():
            self.notice = self._explain("This model has no chat template.")
            return
        try:
            own = JinjaTemplate(source, bos, eos, variables)
            own.render([Message(Role.USER, "Hello")])
        except TemplateError as error:
            self.notice = self._explain(f"This model's chat template is broken: {error.details}.")
        else:
            self._own = own

    def prompt(
        self, messages: Sequence[Message], variables: Mapping[str, Any] | None = None
    ) -> Prompt:
        """The conversation as a prompt, with a notice where a fallback had to write it.

        `variables` are those of this conversation alone.
        """
        notice = self.notice
        if self._own is not None:
            try:
                return Prompt(self._own.render(messages, variables))
            except TemplateError as error:
                notice = self._explain(f"This model's chat template failed: {error.details}.")
        if self._has_chatml:
            return Prompt(_chatml(messages), CHATML_TOKENS, notice)
        stop = tuple(f"\n{name}:" for name in _SPEAKERS.values())
        return Prompt(_plain(messages), stop, notice, trim_start=True)

    def _explain(self, reason: str) -> str:
        kind = "ChatML" if self._has_chatml else "plain “User:” and “Assistant:” lines"
        notice = f"{reason} It is spoken to in {kind} instead, and may answer less well."
        _LOG.info("%s", notice)
        return notice


def _guarded(action: Callable[[], _Result]) -> _Result:
    """Runs a stranger's code within the time limit; whatever it raises becomes a TemplateError."""
    try:
        with sandbox.deadline(TIME_LIMIT):
            return action()
    except Exception as error:  # a template can raise anything at all
        reason = " ".join((str(error) or type(error).__name__).split())[:MAX_REASON].rstrip(".")
        raise TemplateError("The model's chat template failed.", details=reason) from error


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The same conversation, with the system's text put before the person's first message."""
    system = "\n\n".join(message.text for message in messages if message.role is Role.SYSTEM)
    turns = [message for message in messages if message.role is not Role.SYSTEM]
    if system and turns and turns[0].role is Role.USER:
        turns[0] = Message(Role.USER, f"{system}\n\n{turns[0].text}")
    elif system:
        turns.insert(0, Message(Role.USER, system))
    return turns


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """The same conversation, without a system message, each speaker's consecutive turns as one."""
    turns: list[Message] = []
    for message in _without_system(messages):
        if turns and turns[-1].role is message.role:
            turns[-1] = Message(message.role, f"{turns[-1].text}\n\n{message.text}")
        else:
            turns.append(message)
    if turns and turns[0].role is Role.ASSISTANT:
        turns.insert(0, Message(Role.USER, "…"))
    return turns


def _chatml(messages: Sequence[Message]) -> str:
    turns = "".join(f"<|im_start|>{turn.role}\n{turn.text}<|im_end|>\n" for turn in messages)
    return turns + "<|im_start|>assistant\n"


_SPEAKERS = {Role.SYSTEM: "System", Role.USER: "User", Role.ASSISTANT: "Assistant"}


def _plain(messages: Sequence[Message]) -> str:
    lines = "".join(f"{_SPEAKERS[turn.role]}: {turn.text.strip()}\n" for turn in messages)
    return lines + "Assistant:"

"""A Jinja environment for chat templates, which are programs from strangers.

Jinja's immutable sandbox keeps a template away from Python; this adds what the sandbox leaves open:
a deadline (checked on every line that runs) and limits on every text and number that it builds.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Any, Never

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_TEXT = 32 << 20  # characters of any text that a template builds
MAX_NUMBER = 100_000  # of any width, count or repetition
MAX_BITS = 4096  # of any number that it computes


class LimitExceeded(JinjaError):
    """The template took too long or built something too large."""


class Refusal(JinjaError):
    """The template called raise_exception: it does not take this conversation."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Ends whatever Python code runs inside the block, on this thread, when its time is over."""
    end = time.monotonic() + seconds

    def watch(_frame: FrameType, _event: str, _argument: object) -> Any:
        if time.monotonic() > end:
            raise LimitExceeded(f"it ran for more than {seconds:g} s")
        return watch

    previous = sys.gettrace()
    sys.settrace(watch)
    try:
        yield
    finally:
        sys.settrace(previous)


def checked(value: Any) -> Any:
    """The value itself, unless it is a text that is too long."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise LimitExceeded("it built a text that is too long")
    return value


def _join_pieces(pieces: Iterable[Any]) -> str:
    """Joins as str.join does, but adds up the length first."""
    texts = [str(piece) for piece in pieces]
    _check_total(sum(map(len, texts)))
    return "".join(texts)


def _check_total(characters: int) -> None:
    if characters > MAX_TEXT:
        raise LimitExceeded("it built a text that is too long")


def _check_arguments(arguments: Iterable[Any]) -> None:
    for argument in arguments:
        if isinstance(argument, int) and abs(argument) > MAX_NUMBER:
            raise LimitExceeded(f"it used the number {argument}")


def _check_replace(text: Any, old: Any, new: Any) -> None:
    text, old, new = str(text), str(old), str(new)
    _check_total(len(text) + text.count(old) * len(new))


def _check_separator(separator: Any, items: Any) -> None:
    if isinstance(items, list | tuple):
        _check_total(len(str(separator)) * len(items) + sum(len(str(item)) for item in items))


class _LimitedCode(CodeGenerator):
    """Compiles `a ~ b` to a join that looks at the length."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        self.write("environment.concat((")
        for operand in node.nodes:
            self.visit(operand, frame)
            self.write(", ")
        self.write("))")


class _Generation(Extension):
    """Accepts the `{% generation %}` tag, which marks the model's own turns for training."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own attribute

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The tag's body, unchanged."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox with the limits, and the functions that model makers expect in it."""

    code_generator_class = _LimitedCode
    concat = staticmethod(_join_pieces)
    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,  # the optimiser would compute constants outside the deadline
            cache_size=0,
            extensions=[_Generation, "jinja2.ext.loopcontrols"],
        )
        self.filters = {name: _limited(filter_) for name, filter_ in self.filters.items()}
        self.filters["tojson"] = _to_json
        self.globals.pop("lipsum", None)
        self.globals["raise_exception"] = _refuse
        self.globals["strftime_now"] = _strftime_now

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Computes `left operator right` unless the result would be huge."""
        sizes = [len(side) for side in (left, right) if isinstance(side, str | list | tuple)]
        numbers = [side for side in (left, right) if isinstance(side, int)]
        if operator == "*" and sizes and numbers:
            _check_total(sizes[0] * abs(numbers[0]))
        elif operator == "+" and sizes:
            _check_total(sum(sizes))
        elif operator == "%" and isinstance(left, str):
            raise LimitExceeded("it formats text with %")
        elif len(numbers) == 2:
            bits = [number.bit_length() for number in numbers]
            if (bits[0] * abs(numbers[1]) if operator == "**" else sum(bits)) > MAX_BITS:
                raise LimitExceeded("it computed a huge number")
        return super().call_binop(context, operator, left, right)

    def call(
        __self,  # noqa: N805 - Jinja's own signature, open to any keyword
        __context: Context,  # noqa: PYI063
        __obj: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Calls a function or method unless its result would be huge."""
        _check_arguments([*args, *kwargs.values()])
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str) and name == "replace" and len(args) >= 2:
            _check_replace(owner, args[0], args[1])
        if isinstance(owner, str) and name == "join" and args:
            _check_separator(owner, args[0])
        return checked(super().call(__context, __obj, *args, **kwargs))


def _limited(filter_: Callable[..., Any]) -> Callable[..., Any]:
    name = getattr(filter_, "__name__", "")

    @functools.wraps(filter_)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        _check_arguments([*args[1:], *kwargs.values()])
        if name == "do_replace" and len(args) >= 4:
            _check_replace(*args[1:4])
        if name == "do_join" and len(args) >= 3:
            _check_separator(args[2], args[1])
        if name == "do_format":
            raise LimitExceeded("it formats text with %")
        return checked(filter_(*args, **kwargs))

    return guarded


def _to_json(value: Any, indent: int | None = None, **_options: Any) -> str:
    """JSON as model makers expect it: characters stay as they are, and nothing is HTML-escaped."""
    _check_arguments([indent])
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> Never:
    raise Refusal(message)


def _strftime_now(layout: str) -> str:
    return datetime.now().astimezone().strftime(layout)

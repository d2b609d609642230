"""What can be written on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from app import __version__, processes
from app.cli.parser_parts import adapter, at_least, between, new

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
COMMANDS = (
    "ask", "chat", "models", "providers", "serve-status", "hardware", "plan", "bench",
    "doctor", processes.PREFLIGHT,
)  # fmt: skip
DESCRIPTION = "Talk to language models on your own computer, offline."
EPILOG = """commands:
  hearth [FILE.gguf]     open the window, with that model loading
  hearth ask PROMPT      ask once and print the answer
  hearth chat            talk in the terminal
  hearth models list     the models on this disk
  hearth models info M   all that is known of a model
  hearth models pull R   fetch a model from Hugging Face (search finds one)
  hearth providers       the servers and services that models can come from
  hearth serve-status    the model servers that Hearth has started
  hearth hardware        what this computer has for models, and what of it can be used
  hearth plan MODEL      how a model would be loaded here, why, and what it takes
  hearth bench MODEL     how fast a model reads and writes, here or at its server
  hearth doctor          check this installation

Each has its own help: hearth ask --help. Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options as attributes, `command` among them ("window" where none was named).

    Raises:
        SystemExit: after help, the version, or a usage error (code 2).
    """
    home, rest = _split_home(arguments)
    if _is_plain(rest):  # as the desktop starts it: a parser would cost the window 4 ms
        return argparse.Namespace(command="window", home=home, file=rest[0] if rest else None)
    name = rest[0] if rest and rest[0] in COMMANDS else "window"
    options = _PARSERS[name]().parse_args(rest[1:] if name != "window" else rest)
    options.command = name
    options.home = getattr(options, "home", None) or home
    return options


def _is_plain(arguments: Sequence[str]) -> bool:
    """Whether there is nothing but, perhaps, a file to open."""
    return not arguments or (
        len(arguments) == 1 and not arguments[0].startswith("-") and arguments[0] not in COMMANDS
    )


def _split_home(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Takes a leading --home away, so that it may stand before the command as well as behind it."""
    if len(arguments) >= 2 and arguments[0] == "--home":
        return arguments[1], list(arguments[2:])
    if arguments and arguments[0].startswith("--home="):
        return arguments[0].partition("=")[2], list(arguments[1:])
    return None, list(arguments)


def _window() -> argparse.ArgumentParser:
    parser = new("", DESCRIPTION)
    parser.epilog = EPILOG
    parser.add_argument("--version", action="version", version=f"Hearth {__version__}")
    parser.add_argument("file", nargs="?", metavar="FILE.gguf", help="a model to open")
    return parser


def _ask() -> argparse.ArgumentParser:
    parser = new("ask", "Ask once. The answer alone goes to standard output.")
    parser.add_argument("prompt", metavar="PROMPT", help="the question; - reads standard input")
    _add_model_options(parser)
    parser.add_argument(
        "--fallback",
        metavar="A,B,C",
        help="models that are asked, one after the other, when the first cannot answer",
    )
    parser.add_argument("--system", metavar="TEXT", help="how the model should behave")
    parser.add_argument(
        "--raw", action="store_true", help="continue the text as it is, with no chat template"
    )
    parser.add_argument("--json", action="store_true", help="print answer and figures as JSON")
    parser.add_argument("--stats", action="store_true", help="print figures after the answer")
    return parser


def _chat() -> argparse.ArgumentParser:
    parser = new("chat", "Talk in the terminal. The chat is kept with those of the window.")
    _add_model_options(parser)
    parser.add_argument("--system", metavar="TEXT", help="how the model should behave")
    return parser


def _of_models(name: str) -> Callable[[], argparse.ArgumentParser]:
    def make() -> argparse.ArgumentParser:
        from app.cli import parser_models

        return parser_models.PARSERS[name]()

    return make


def _providers() -> argparse.ArgumentParser:
    parser = new(
        "providers", "Where models live: this computer, servers found on it, and what you set up."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def _serve_status() -> argparse.ArgumentParser:
    parser = new("serve-status", "The model servers that Hearth has started and that still run.")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument(
        "--stop", action="store_true", help="end those that an earlier Hearth has left behind"
    )
    return parser


def _hardware() -> argparse.ArgumentParser:
    parser = new(
        "hardware", "What this computer has for models: processor, memory, graphics cards."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def _doctor() -> argparse.ArgumentParser:
    parser = new("doctor", "Check this installation: each line is ok, or says what mends it.")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def _preflight() -> argparse.ArgumentParser:
    parser = new(processes.PREFLIGHT, "Try a model file (used by Hearth itself).")
    parser.add_argument("plan")
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a .gguf file, a name from `models list`, or provider:model, such as ollama:llama3.2",
    )
    for flag, kind, text in (
        ("--temperature", between(0, 5), "0 always takes the likeliest token (default 0.8)"),
        (
            "--top-p",
            between(0, 1),
            "take from the likeliest tokens of this share (default 0.95)",
        ),
        ("--seed", at_least(0), "the same number gives the same answer"),
        ("--max-tokens", at_least(1), "end the answer after so many tokens"),
    ):
        parser.add_argument(flag, type=kind, metavar="N", help=text)
    parser.add_argument(
        "--lora",
        type=adapter,
        action="append",
        default=[],
        metavar="FILE[=SCALE]",
        help="load the model with this LoRA adapter, as strong as SCALE (default 1); repeatable",
    )


_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "window": _window,
    "ask": _ask,
    "chat": _chat,
    "models": _of_models("models"),
    "providers": _providers,
    "serve-status": _serve_status,
    "hardware": _hardware,
    "plan": _of_models("plan"),
    "bench": _of_models("bench"),
    "doctor": _doctor,
    processes.PREFLIGHT: _preflight,
}

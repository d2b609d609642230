"""What can be written on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__, processes

if TYPE_CHECKING:
    from app.schema import Adapter

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
COMMANDS = (
    "ask", "chat", "models", "providers", "serve-status", "hardware", "plan", "doctor",
    processes.PREFLIGHT,
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


def _new(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"hearth {command}".strip(),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--home", metavar="DIR", help="keep all data in this folder")
    return parser


def _window() -> argparse.ArgumentParser:
    parser = _new("", DESCRIPTION)
    parser.epilog = EPILOG
    parser.add_argument("--version", action="version", version=f"Hearth {__version__}")
    parser.add_argument("file", nargs="?", metavar="FILE.gguf", help="a model to open")
    return parser


def _ask() -> argparse.ArgumentParser:
    parser = _new("ask", "Ask once. The answer alone goes to standard output.")
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
    parser = _new("chat", "Talk in the terminal. The chat is kept with those of the window.")
    _add_model_options(parser)
    parser.add_argument("--system", metavar="TEXT", help="how the model should behave")
    return parser


def _models() -> argparse.ArgumentParser:
    parser = _new("models", "The models on this disk, and those that can be fetched.")
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="list|info|search|pull|rm|verify|dedupe"
    )
    listing = actions.add_parser("list", help="the models that Hearth knows of")
    info = actions.add_parser("info", help="all that is known of a model, key by key")
    info.add_argument("model", metavar="MODEL", help="a file, or a name from the list")
    search = actions.add_parser("search", help="look for models on Hugging Face")
    _add_search(search)
    pull = actions.add_parser("pull", help="fetch a model; the same command goes on with it")
    _add_pull(pull)
    remove = actions.add_parser("rm", help="delete models")
    remove.add_argument("models", metavar="MODEL", nargs="+", help="a path, or a name of the list")
    remove.add_argument("--yes", "-y", action="store_true", help="do not ask")
    verify = actions.add_parser("verify", help="compare files with the hashes of their sources")
    verify.add_argument("models", metavar="MODEL", nargs="*", help="none: all of them")
    dedupe = actions.add_parser("dedupe", help="files that are here twice, and what they take")
    for action in (listing, info, search, pull, remove, verify, dedupe):
        action.add_argument("--json", action="store_true", help="print as JSON")
        action.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS)
    return parser


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", metavar="WORDS", nargs="+", help="parts of the name")
    parser.add_argument(
        "--limit", type=_whole(1), default=20, metavar="N", help="how many at most (default 20)"
    )
    parser.add_argument(
        "--sort",
        choices=("downloads", "likes", "trending", "new"),
        default="downloads",
        help="what comes first (default downloads)",
    )
    parser.add_argument(
        "--kind",
        choices=("any", "chat", "vision", "embedding"),
        default="any",
        help="what the models are for (default any)",
    )
    _add_token(parser)


def _add_pull(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "repo",
        metavar="REPO",
        help="owner/name, owner/name:QUANTISATION, or the address of its page",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a file's name, a pattern, or a quantisation"
    )
    parser.add_argument("--list", action="store_true", help="only list what can be fetched")
    parser.add_argument("--revision", metavar="NAME", help="a branch or a commit (default main)")
    _add_token(parser)


def _add_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hf-token", action="store_true", help="use the access token in the variable HF_TOKEN"
    )


def _providers() -> argparse.ArgumentParser:
    parser = _new(
        "providers", "Where models live: this computer, servers found on it, and what you set up."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def _serve_status() -> argparse.ArgumentParser:
    parser = _new("serve-status", "The model servers that Hearth has started and that still run.")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument(
        "--stop", action="store_true", help="end those that an earlier Hearth has left behind"
    )
    return parser


def _plan() -> argparse.ArgumentParser:
    parser = _new("plan", "How a model would be loaded here, why, and what memory it takes.")
    parser.add_argument("model", metavar="MODEL", help="a .gguf file, or a name from the list")
    parser.add_argument("--ctx", type=int, metavar="N", help="a context of so many tokens")
    parser.add_argument("--kv", metavar="TYPE", help="the KV cache in f16, q8_0, q4_0, …")
    parser.add_argument("--gpu-layers", type=int, metavar="N", help="so many; -1 is all of them")
    parser.add_argument("--threads", type=int, metavar="N", help="so many threads")
    parser.add_argument("--less-memory", action="store_true", help="take less memory")
    parser.add_argument("--quiet", action="store_true", help="half of the cores")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    return parser


def _hardware() -> argparse.ArgumentParser:
    parser = _new(
        "hardware", "What this computer has for models: processor, memory, graphics cards."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def _doctor() -> argparse.ArgumentParser:
    parser = _new("doctor", "Check this installation: each line is ok, or says what mends it.")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def _preflight() -> argparse.ArgumentParser:
    parser = _new(processes.PREFLIGHT, "Try a model file (used by Hearth itself).")
    parser.add_argument("plan")
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a .gguf file, a name from `models list`, or provider:model, such as ollama:llama3.2",
    )
    for flag, kind, text in (
        ("--temperature", _number(0, 5), "0 always takes the likeliest token (default 0.8)"),
        ("--top-p", _number(0, 1), "take from the likeliest tokens of this share (default 0.95)"),
        ("--seed", _whole(0), "the same number gives the same answer"),
        ("--max-tokens", _whole(1), "end the answer after so many tokens"),
    ):
        parser.add_argument(flag, type=kind, metavar="N", help=text)
    parser.add_argument(
        "--lora",
        type=_adapter,
        action="append",
        default=[],
        metavar="FILE[=SCALE]",
        help="load the model with this LoRA adapter, as strong as SCALE (default 1); repeatable",
    )


def _number(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return value

    return number


def _adapter(text: str) -> Adapter:
    """A file, and behind the last equals sign a number where there is one."""
    from app.schema import MAX_SCALE, Adapter

    path, _, scale = text.rpartition("=")
    try:
        strength = float(scale)
    except ValueError:
        path, strength = text, 1.0
    if not path:
        raise argparse.ArgumentTypeError(f"{text} names no file")
    if not -MAX_SCALE <= strength <= MAX_SCALE:
        raise argparse.ArgumentTypeError(f"{scale} is not between {-MAX_SCALE:g} and {MAX_SCALE:g}")
    return Adapter(str(Path(path).expanduser().absolute()), strength)


def _whole(low: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        value = int(text)
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is less than {low}")
        return value

    return whole


_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "window": _window,
    "ask": _ask,
    "chat": _chat,
    "models": _models,
    "providers": _providers,
    "serve-status": _serve_status,
    "hardware": _hardware,
    "plan": _plan,
    "doctor": _doctor,
    processes.PREFLIGHT: _preflight,
}

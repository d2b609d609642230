"""What can be written behind `hearth models`, `hearth plan` and `hearth bench`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from app.cli.parser_parts import at_least, new
from app.llm.trials import GENERATED, PROMPT

REPETITIONS = 5  # as llama.cpp's benchmark has them


def _models() -> argparse.ArgumentParser:
    parser = new("models", "The models on this disk, and those that can be fetched.")
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
        "--limit", type=at_least(1), default=20, metavar="N", help="how many at most (default 20)"
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


def _plan() -> argparse.ArgumentParser:
    parser = new("plan", "How a model would be loaded here, why, and what memory it takes.")
    parser.add_argument("model", metavar="MODEL", help="a .gguf file, or a name from the list")
    parser.add_argument("--ctx", type=int, metavar="N", help="a context of so many tokens")
    parser.add_argument("--kv", metavar="TYPE", help="the KV cache in f16, q8_0, q4_0, …")
    parser.add_argument("--gpu-layers", type=int, metavar="N", help="so many; -1 is all of them")
    parser.add_argument("--threads", type=int, metavar="N", help="so many threads")
    parser.add_argument("--less-memory", action="store_true", help="take less memory")
    parser.add_argument("--quiet", action="store_true", help="half of the cores")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    return parser


def _bench() -> argparse.ArgumentParser:
    parser = new(
        "bench",
        "How fast models read a prompt and write an answer, with the tests of llama.cpp's own\n"
        "benchmark. Models of this computer and of servers may stand in one table.",
    )
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="a .gguf file, a name from `models list`, or provider:model, such as ollama:llama3.2",
    )
    for flags, default, text in (
        (("-p", "--prompt"), PROMPT, "tokens of the prompt; 0 leaves it out"),
        (("-n", "--generate"), GENERATED, "tokens of the answer; 0 leaves it out"),
        (("-r", "--repetitions"), REPETITIONS, "runs of each"),
    ):
        about = f"{text} (default {default})"
        parser.add_argument(*flags, type=int, default=default, metavar="N", help=about)
    parser.add_argument(
        "--threads", type=int, metavar="N", help="so many threads, for models of this computer"
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="first find out by trying how the model runs fastest here, and keep that",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print as JSON")
    form.add_argument(
        "--md", action="store_true", help="print as llama.cpp's benchmark does, in Markdown"
    )
    return parser


PARSERS: Mapping[str, Callable[[], argparse.ArgumentParser]] = {
    "models": _models,
    "plan": _plan,
    "bench": _bench,
}

"""Runs a command, and turns whatever ends it into a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.cli import console
from app.cli.parser import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from app.errors import HearthError, UsageError

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """The exit code of the command in `options`."""
    console.take_any_text()
    try:
        return _command(options.command)(options)
    except UsageError as error:
        console.complain(error)
        return EXIT_USAGE
    except HearthError as error:
        console.complain(error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        console.say("Stopped.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def chat_without_display(options: argparse.Namespace) -> int:
    """The same chat in the terminal, where no window can be shown."""
    console.say("There is no display here, so Hearth talks in the terminal. (/help says how.)")
    options.command = "chat"
    options.model, options.system = options.file, None
    options.temperature = options.top_p = options.seed = options.max_tokens = None
    options.lora = []
    return run(options)


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function behind a command; each is imported when it is called for."""
    if name == "ask":
        from app.cli import ask

        return ask.run
    if name == "chat":
        from app.cli import chat

        return chat.run
    if name == "models":
        from app.cli import models

        return models.run
    if name == "providers":
        from app.cli import providers

        return providers.run
    if name == "serve-status":
        from app.cli import serve_status

        return serve_status.run
    return _of_this_computer(name)


def _of_this_computer(name: str) -> Callable[[argparse.Namespace], int]:
    """Those that tell what this computer is good for."""
    if name == "plan":
        from app.cli import plan

        return plan.run
    if name == "bench":
        from app.cli import bench

        return bench.run
    if name == "hardware":
        from app.cli import hardware

        return hardware.run
    from app.cli import doctor

    return doctor.run

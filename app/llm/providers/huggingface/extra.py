"""Whether the packages of the extra `transformers` are installed; does not import them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from app.errors import Misconfigured

MODULES = ("torch", "transformers")
CHECKOUT = Path(__file__).parents[4]  # where Hearth runs from its sources


def missing() -> Misconfigured | None:
    """What to say where they are not installed; None where they are."""
    if all(map(_is_there, MODULES)):
        return None
    return Misconfigured(
        "Hugging Face models need the packages torch and transformers, which are not installed.",
        f"Install them with: {command()}",
        provider="Transformers",
    )


def command() -> str:
    """The one line that installs them."""
    what = '-e ".[transformers]"' if _is_checkout() else '"hearth[transformers]"'
    return f"{program('pip')} install {what}"


def program(name: str) -> str:
    """How a program beside Hearth's own is called."""
    return f".venv/bin/{name}" if _is_checkout() else name


def _is_checkout() -> bool:
    return (CHECKOUT / "pyproject.toml").is_file()


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False

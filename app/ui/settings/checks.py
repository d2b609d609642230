"""What the settings themselves do not know of right addresses and paths."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from app.library.hub import access
from app.ui.settings.rows import WrongValue

# Half an address, such as "https:/" while one types, begins with no name of this kind.
NAMED = re.compile(r"(?:[\w-]+\.)+[\w-]+(?:$|[:/])|localhost(?:$|[:/])")
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def address(text: str) -> str:
    """An address of a web server, or nothing; where only https:// lacks, it is put in front."""
    text = text.strip()
    if text:
        if NAMED.match(text):
            text = access.whole(text)
        _check_address(text, ("http", "https"), "https://example.org")
    return text.rstrip("/")


def proxy(text: str) -> str:
    """An address of a proxy, or nothing."""
    text = text.strip()
    if text:
        _check_address(text, PROXY_SCHEMES, "http://proxy.example.org:3128")
    return text


def file(text: str) -> str:
    """The path of a file that is there, or nothing."""
    text = text.strip()
    if text and not _path(text).is_file():
        raise WrongValue("There is no such file.")
    return text


def folder(text: str) -> str:
    """The path of a folder, which may come into being later, or nothing."""
    text = text.strip()
    if text:
        path = _path(text)
        if not path.is_absolute():
            raise WrongValue("Write the whole path, from the beginning.")
        if path.exists() and not path.is_dir():
            raise WrongValue("This is a file, not a folder.")
    return text


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~somebody who is not known here
        raise WrongValue("There is no such person on this computer.") from error


def _check_address(text: str, schemes: tuple[str, ...], example: str) -> None:
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in schemes and bool(parts.hostname)
        is_whole = is_whole and not parts.query and not parts.fragment
        _ = parts.port
    except ValueError:
        is_whole = False
    if not is_whole or any(sign.isspace() for sign in text):
        raise WrongValue(f"This is no whole address. Write it as {example}.")

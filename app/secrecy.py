"""What looks like a secret: it belongs into the keyring, and not into a plain file. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

# Parts of a name; “max-tokens”, “author” and “monkey” are none.
_NAME = re.compile(
    r"(?<![a-z])keys?(?![a-z])|api[-_]?key|token(?!s|i[sz])|secret|passw|passphrase|credential"
    r"|cookie|bearer|jwt|signature|auth(?![a-z])|authori[sz]ation|authentication"
)
_SENT = re.compile(r"(?:bearer|basic|token)\s+\S", re.IGNORECASE)
# As the services that are known here begin their keys.
_BEGUN = re.compile(r"(?:sk-|pk-|rk-|hf_|gsk_|xai-|gh[opsu]_|glpat-|xox[abp]-|AIza|AKIA|eyJ)\S{6}")
_LONG = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/=_]{40,}")  # without a pause


def is_secret(name: str, value: str = "") -> bool:
    """Whether a header or parameter holds a key, by its name or by how its value looks."""
    return bool(_NAME.search(name.lower())) or looks_like_key(value)


def looks_like_key(value: str) -> bool:
    """Whether a text looks like a key or a token."""
    value = value.strip()
    known = (_SENT.match(value), _BEGUN.match(value), _LONG.fullmatch(value))
    return any(known)


def in_address(url: str) -> str:
    """What is secret in an address: “a password”, “a key”, or "" for nothing."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        return ""  # no address at all: that is said where it is used
    if parts.password:
        return "a password"
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    has_key = any(is_secret(name, value) for name, _, value in pairs)
    return "a key" if has_key or looks_like_key(parts.username or "") else ""


def bare(url: str) -> str:
    """An address without what is secret in it."""
    if not in_address(url):
        return url
    parts = urlsplit(url)
    pairs = [pair for pair in parts.query.split("&") if not _is_secret_pair(pair)]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(pairs)))


def _is_secret_pair(pair: str) -> bool:
    name, _, value = pair.partition("=")
    return is_secret(name, value)

"""What the environment says of Hugging Face, in the variables that its own programs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ENDPOINT, TOKEN, OFFLINE = "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # SSL_CERT_FILE is read by OpenSSL itself
TRUE = ("1", "on", "yes", "true")


def endpoint(environ: Mapping[str, str]) -> str:
    """The address of a mirror, or ""."""
    return environ.get(ENDPOINT, "").strip(" \t\"'")


def ca_file(environ: Mapping[str, str]) -> str:
    """The file with certificates that requests and curl would trust, or ""."""
    named = (environ.get(name, "").strip() for name in CERTIFICATES)
    return next((path for path in named if path and Path(path).is_file()), "")


def offered_token(environ: Mapping[str, str]) -> str:
    """A token to offer to a person who has none in Hearth, or ""; it is never taken in silence."""
    return environ.get(TOKEN, "").strip(" \t\"'")


def is_offline(environ: Mapping[str, str]) -> bool:
    """Whether the environment forbids programs to ask Hugging Face."""
    return environ.get(OFFLINE, "").strip().lower() in TRUE

"""Where an Ollama server is, from what a person wrote or its own settings say."""

from __future__ import annotations

from urllib.parse import urlsplit

from app import net

URL = "http://127.0.0.1:11434"
PORT = 11434
PATHS = ("/v1", "/api")  # of its two APIs; an address that ends so means the server
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - a server listens there, nobody is reached there
CLOUD = "ollama.com"


def server_url(text: str) -> str:
    """The address of a server; without a scheme its port is Ollama's own, as Ollama reads it.

    Raises:
        Misconfigured: it is no address.
    """
    text = text.strip().rstrip("/")
    for path in PATHS:
        text = text.removesuffix(path)
    if not text or text in ANY_ADDRESS:
        return URL
    url = urlsplit(net.checked_url(text))
    port = url.port or (None if "://" in text else PORT)
    host = url.hostname or ""
    if host in ANY_ADDRESS:
        host = "127.0.0.1"
    elif ":" in host:
        host = f"[{host}]"
    person, at, _ = url.netloc.rpartition("@")
    return f"{url.scheme}://{person}{at}{host}{f':{port}' if port else ''}{url.path}"


def is_cloud(url: str) -> bool:
    """Whether an address is the company's own."""
    host = urlsplit(url).hostname or ""
    return host == CLOUD or host.endswith(f".{CLOUD}")

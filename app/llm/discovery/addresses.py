"""Where model servers may listen on this computer: the usual ports, and those that were set."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "::1")  # in the order of preference
# Ollama, LM Studio and mistral.rs, llama-server and LocalAI and llamafile, llama-server to come,
# vLLM and llama-cpp-python, text-generation-webui, KoboldCpp, Jan, Jan's command line, GPT4All.
PORTS = (11434, 1234, 8080, 9931, 8000, 5000, 5001, 1337, 6767, 4891)
# Addresses that the servers and their clients read, with the port that is meant where none stands;
# with 0, an address without a port says nothing.
VARIABLES: Mapping[str, int] = {
    "OLLAMA_HOST": 11434,
    "LOCALAI_ADDRESS": 8080,
    "ADDRESS": 0,  # LocalAI's too, but the name is common
    "INFERENCE_SERVER_BASE_URL": 80,  # mistral.rs
    "OPENAI_BASE_URL": 80,
}
PORT_VARIABLES = ("LLAMA_ARG_PORT", "OPENEDAI_PORT")  # llama-server, text-generation-webui
EVERYWHERE = ("", "*", "0.0.0.0", "::", "localhost")  # noqa: S104 - what a server binds to
LOWEST_COMMON_PORT = 1024  # below it, HOST and PORT are hardly meant for a model server


class Address(NamedTuple):
    """A port of this computer; the host is one of its loopback addresses."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address for HTTP."""
        return (
            f"http://[{self.host}]:{self.port}"
            if ":" in self.host
            else f"http://{self[0]}:{self[1]}"
        )


def usual(environment: Mapping[str, str] | None = None, home: Path | None = None) -> list[Address]:
    """All addresses to look at, each once; reads the environment and LM Studio's settings."""
    environment = os.environ if environment is None else environment
    home = home or Path.home()
    ports = [*PORTS, *_lm_studio_port(home)]
    ports += [port for name in PORT_VARIABLES for port in _port(environment.get(name, ""))]
    found = on_ports(ports)
    for name, port in VARIABLES.items():
        found += parse(environment.get(name, ""), port)
    found += _common(environment)
    return list(dict.fromkeys(found))


def on_ports(ports: Iterable[int]) -> list[Address]:
    """These ports on IPv4 and IPv6."""
    return [Address(host, port) for port in ports for host in LOOPBACK]


def parse(text: str, default_port: int) -> list[Address]:
    """What an address such as OLLAMA_HOST's means on this computer; [] where it is another one."""
    text = text.strip(" \t\"'")
    scheme, has_scheme, rest = text.rpartition("://")
    if not text or (has_scheme and scheme != "http"):
        return []
    if rest.count(":") > 1 and "[" not in rest:  # an IPv6 address that stands alone
        rest = f"[{rest}]"
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return []
    if port is None:
        port = 80 if has_scheme else default_port
    if not 0 < port < 65536:
        return []
    return [Address(name, port) for name in _loopback(host)]


def lm_studio_home(home: Path) -> Path:
    """LM Studio's folder: where its pointer file says, else one of its two usual places."""
    try:
        pointed = Path((home / ".lmstudio-home-pointer").read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        pointed = Path()
    if pointed.is_absolute() and pointed.is_dir():
        return pointed
    old = home / ".cache" / "lm-studio"
    return old if old.is_dir() else home / ".lmstudio"


def _lm_studio_port(home: Path) -> list[int]:
    file = lm_studio_home(home) / ".internal" / "http-server-config.json"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    port = settings.get("port") if isinstance(settings, dict) else None
    return _port(str(port))


def _common(environment: Mapping[str, str]) -> list[Address]:
    """HOST and PORT, which llama-cpp-python reads, where both are set and can be meant for it."""
    host = environment.get("HOST", "").strip()
    port = _port(environment.get("PORT", ""))
    if not host or not port or port[0] < LOWEST_COMMON_PORT:
        return []
    return [Address(name, port[0]) for name in _loopback(host)]


def _loopback(host: str) -> tuple[str, ...]:
    """The loopback addresses at which a server answers that was bound to this host."""
    if host in EVERYWHERE:
        return LOOPBACK
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return LOOPBACK if host.endswith(".localhost") else ()
    return (str(address),) if address.is_loopback else ()


def _port(text: str) -> list[int]:
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        return []
    return [int(text)] if 0 < int(text) < 65536 else []

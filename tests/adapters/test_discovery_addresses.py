"""Where the search for model servers looks: usual ports, the environment, settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.llm.discovery import addresses
from app.llm.discovery.addresses import Address

V4 = "127.0.0.1"
V6 = "::1"
BOTH = (V4, V6)


@pytest.mark.parametrize(
    ("variables", "hosts", "port"),
    [
        ({"OLLAMA_HOST": "127.0.0.1:11500"}, (V4,), 11500),
        ({"OLLAMA_HOST": ' "localhost:11501" '}, BOTH, 11501),
        ({"OLLAMA_HOST": "http://0.0.0.0:11502/base"}, BOTH, 11502),
        ({"OLLAMA_HOST": ":11503"}, BOTH, 11503),
        ({"OLLAMA_HOST": "[::]:11504"}, BOTH, 11504),
        ({"OLLAMA_HOST": "[::1]:11505"}, (V6,), 11505),
        ({"OLLAMA_HOST": "http://localhost"}, BOTH, 80),
        ({"OLLAMA_HOST": "127.0.0.2"}, ("127.0.0.2",), 11434),
        ({"OLLAMA_HOST": "192.168.1.5:11504"}, (), 0),  # another computer is never asked
        ({"OLLAMA_HOST": "models.example.org:11504"}, (), 0),
        ({"OLLAMA_HOST": "https://localhost:11504"}, (), 0),  # no plain HTTP there
        ({"OLLAMA_HOST": "127.0.0.1:99999"}, (), 0),
        ({"OLLAMA_HOST": "127.0.0.1:x"}, (), 0),
        ({"OLLAMA_HOST": "http://[::1"}, (), 0),
        ({"OLLAMA_HOST": ""}, (), 0),
        ({"LLAMA_ARG_PORT": "8123"}, BOTH, 8123),
        ({"LLAMA_ARG_PORT": "-1"}, (), 0),
        ({"LLAMA_ARG_PORT": "²"}, (), 0),
        ({"OPENEDAI_PORT": "5055"}, BOTH, 5055),
        ({"LOCALAI_ADDRESS": ":8181"}, BOTH, 8181),
        ({"ADDRESS": "127.0.0.1:8182"}, (V4,), 8182),
        ({"ADDRESS": "Main Street 5"}, (), 0),
        ({"INFERENCE_SERVER_BASE_URL": "http://localhost:4321/v1"}, BOTH, 4321),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, (), 0),
        ({"HOST": "127.0.0.1", "PORT": "8900"}, (V4,), 8900),
        ({"HOST": "localhost", "PORT": "22"}, (), 0),
        ({"HOST": "my-laptop", "PORT": "8900"}, (), 0),
        ({"PORT": "8900"}, (), 0),
    ],
)
def test_addresses_of_the_environment(
    variables: dict[str, str], hosts: tuple[str, ...], port: int, tmp_path: Path
) -> None:
    usual = addresses.on_ports(addresses.PORTS)
    extra = [Address(host, port) for host in hosts]
    assert addresses.usual(variables, tmp_path) == [*usual, *extra]


def test_an_ipv6_address_without_brackets_is_ollamas_usual_port(tmp_path: Path) -> None:
    assert addresses.parse("::1", 11434) == [Address("::1", 11434)]


@pytest.mark.parametrize("place", ["pointed", ".cache/lm-studio", ".lmstudio"])
def test_lm_studios_port_is_read_from_its_settings(place: str, tmp_path: Path) -> None:
    home = tmp_path / place / ".internal"
    home.mkdir(parents=True)
    (home / "http-server-config.json").write_text(json.dumps({"port": 4567}))
    if place == "pointed":
        (tmp_path / ".lmstudio").mkdir()
        (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path / place}\n")
    found = addresses.usual({}, tmp_path)
    assert found == addresses.on_ports([*addresses.PORTS, 4567])


@pytest.mark.parametrize("content", ["", "[]", '{"port": "x"}', '{"port": 99999}', "{}", "\udcff"])
def test_settings_of_lm_studio_that_make_no_sense_are_no_error(
    content: str, tmp_path: Path
) -> None:
    folder = tmp_path / ".lmstudio" / ".internal"
    folder.mkdir(parents=True)
    file = folder / "http-server-config.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / ".lmstudio-home-pointer").write_text("relative/or/gone")
    assert addresses.usual({}, tmp_path) == addresses.on_ports(addresses.PORTS)

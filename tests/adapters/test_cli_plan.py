"""`hearth plan`: how a model would be loaded, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import paths
from app.cli import commands, parser

STARTER = str(paths.resources() / "models" / "starter.gguf")


def plan(home: Path, *arguments: str) -> int:
    return commands.run(parser.parse(["--home", str(home), "plan", *arguments]))


def test_each_choice_has_its_reason_and_the_memory_its_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(tmp_path, STARTER) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Starter, Q8_0, 6.4 MB"
    said = {line.split("  ")[0]: line for line in lines[1:]}
    assert said["context"].endswith("2,048 tokens: the model was trained for no more.")
    assert "weights 6." in said["memory of CPU"]
    assert "KV cache 12.6 MB" in said["memory of CPU"]  # 6 layers, 256 wide, keys and values, F16
    assert said["memory in all"].endswith("are free")
    assert {"threads", "KV cache", "flash attention", "memory mapping"} <= said.keys()


def test_wishes_change_the_plan_and_its_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(tmp_path, STARTER, "--json") == 0
    usual = json.loads(capsys.readouterr().out)
    wishes = ("--ctx", "512", "--kv", "Q8_0", "--threads", "1", "--less-memory", "--json")
    assert plan(tmp_path, STARTER, *wishes) == 0
    wished = json.loads(capsys.readouterr().out)
    assert (wished["plan"]["n_ctx"], wished["plan"]["n_threads"]) == (512, 1)
    assert (wished["plan"]["type_k"], wished["plan"]["type_v"]) == ("q8_0", "q8_0")
    assert wished["memory"]["total"] < usual["memory"]["total"]
    assert usual["model"]["path"] == STARTER
    [device] = usual["memory"]["devices"]
    assert device["name"] == "CPU"
    assert device["total"] == usual["memory"]["total"]


def test_what_is_known_of_a_model_says_what_its_plan_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = {STARTER: {"context": 512}}
    (tmp_path / "settings.json").write_text(json.dumps({"models": {"wishes": wishes}}))
    assert plan(tmp_path, STARTER, "--json") == 0
    planned = json.loads(capsys.readouterr().out)
    info = ["--home", str(tmp_path), "models", "info", STARTER]
    assert commands.run(parser.parse([*info, "--json"])) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["fits"] == "now"
    assert known["needs"]["context"] == planned["plan"]["n_ctx"] == 512
    assert known["needs"]["memory"] == planned["memory"]["total"]
    assert commands.run(parser.parse(info)) == 0
    said = capsys.readouterr().out
    assert "Fits: it needs " in said
    assert " MB with 512 tokens of context, and " in said


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nothing"], 1, "There is no model called “nothing”."),
        ([STARTER, "--kv", "q9"], 2, "There is no KV cache of the type “q9”."),
        ([STARTER, "--ctx", "0"], 2, "--ctx takes a number from 1 on."),
        ([STARTER, "--gpu-layers", "-7"], 2, "--gpu-layers takes a number from 0 on"),
        (["ollama:qwen3"], 1, "runs at its server, which plans for itself"),
    ],
)
def test_what_cannot_be_planned_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    assert plan(tmp_path, *arguments) == code
    assert sentence in capsys.readouterr().err


def test_one_token_is_one_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = parser.parse(["--home", str(tmp_path), "plan", STARTER, "--ctx", "1"])
    assert commands.run(options) == 0
    assert "1 token, as you set it." in capsys.readouterr().out

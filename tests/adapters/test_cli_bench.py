"""`hearth bench`: models of this process and of servers in one table, as people run it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.adapters.benching import HEADER, QUICK, RULE, bench, knows, told, trained_or
from tests.conftest import STORIES
from tests.fakes.servers.http import FakeServer, Received, Reply, running
from tests.fakes.servers.llama_server import LlamaServer
from tests.fakes.servers.lm_studio import LMStudio
from tests.fakes.servers.ollama import Ollama


@pytest.fixture
def model(tiny: Path) -> Path:
    return trained_or(tiny)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hearth that probes the computer once for all tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def home(probed: Path) -> Path:
    (probed / "settings.json").unlink(missing_ok=True)
    return probed


def test_a_model_of_this_process_has_a_line_for_each_test(
    home: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(home, model, *QUICK) == 0
    printed = capsys.readouterr()
    headings, read, wrote = printed.out.splitlines()
    assert headings.split()[:6] == ["MODEL", "RUNS", "ON", "THREADS", "TEST", "TOKENS/S"]
    assert re.search(r"  CPU +\d+  pp32 +\d+\.\d\d ± \d+\.\d\d +\d+\.\d\d", read)
    assert re.search(r"  CPU +\d+  tg8 +\d+\.\d\d ± \d+\.\d\d +\d+\.\d\d", wrote)
    assert printed.err == "", "progress is for those who look"


def test_markdown_can_be_pasted_beside_llama_bench(
    home: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(home, model, *QUICK, "--md", "--threads", 1) == 0
    header, rule, *lines = capsys.readouterr().out.splitlines()
    assert (header, rule) == (HEADER, RULE)
    assert [line.split("|")[6].strip() for line in lines] == ["pp32", "tg8"]
    assert {len(line) for line in lines} == {len(header)}
    assert {line.split("|")[5].strip() for line in lines} == {"1"}
    if model != STORIES.resolve():
        return
    known = "| llama ?B all F32               |   0.99 MiB |     0.26 M | CPU        |       1 |"
    assert all(line.startswith(known) for line in lines)  # as llama-bench writes it


def test_json_has_each_run(home: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(home, model, "-p", 0, "-n", 8, "-r", 3, "--json") == 0
    [row] = told(capsys)
    assert (row["test"], row["n_prompt"], row["n_gen"]) == ("tg8", 0, 8)
    assert len(row["samples_ts"]) == 3
    assert min(row["samples_ts"]) <= row["median_ts"] <= max(row["samples_ts"])
    assert (row["provider"], row["reference"]) == ("local", f"local:{model}")
    assert row["engine"]
    assert row["threads"] >= 1
    assert "tuning" not in row


async def test_the_same_table_has_servers_too(
    home: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        running(FakeServer()) as first,
        running(FakeServer()) as second,
        running(FakeServer()) as third,
    ):
        Ollama(first).add("qwen:latest")
        LlamaServer(second).chat.models = ("tiny.gguf",)
        LMStudio(third).add("gemma")
        knows(home, ollama=first, **{"llama-server": second, "lm-studio": third})
        models = (model, "ollama:qwen", "llama-server:tiny.gguf", "lm-studio:gemma")
        assert await asyncio.to_thread(bench, home, *models, *QUICK, "--json") == 0
        rows = told(capsys)
        assert await asyncio.to_thread(bench, home, *models[1:], *QUICK) == 0
        table = capsys.readouterr().out
        assert await asyncio.to_thread(bench, home, models[1], *QUICK, "--md") == 0
        line = capsys.readouterr().out.splitlines()[2]
    assert [row["provider"] for row in rows] == [
        name for name in ("local", "ollama", "llama-server", "lm-studio") for _ in range(2)
    ]
    by_name = {(row["provider"], row["test"][:2]): row for row in rows}
    assert by_name["ollama", "tg"]["test"] == "tg3", "what it really wrote"
    assert by_name["ollama", "tg"]["median_ts"] == pytest.approx(2 / 2.0)
    assert by_name["llama-server", "tg"]["median_ts"] == pytest.approx(2 / 1.5)
    assert by_name["llama-server", "pp"]["n_prompt"] == pytest.approx(32, abs=2)
    assert by_name["ollama", "pp"]["engine"] == "0.33.2"
    assert by_name["ollama", "pp"]["threads"] is None
    assert [row["is_estimate"] for row in rows] == [*(6 * [False]), True, False]
    assert re.search(r"lm-studio:gemma +LM Studio +- +pp\d+ +≈ \d", table)
    assert table.splitlines()[-1].startswith("≈ is timed from here")
    assert re.match(r"\| qwen {27}\|   4\.36 GiB \|     7\.60 B \| Ollama     \| +\| +pp\d", line)


async def test_where_a_server_fails_the_others_still_come(
    home: Path, model: Path, closed_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(FakeServer()) as server:
        LlamaServer(server)
        away = {"name": "away", "kind": "ollama", "url": closed_url}
        here = {"name": "here", "kind": "llama-server", "url": server.url}
        section = {"discover": False, "configured": [away, here]}
        (home / "settings.json").write_text(json.dumps({"providers": section}))
        models = ("away:qwen", "away", model, "here:tiny")
        assert await asyncio.to_thread(bench, home, *models, *QUICK) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 1 + 1 + 2 + 2
    assert re.match(r"away:qwen +Ollama +\S.* .*\.$", lines[1])
    assert re.match(r"away +away +\S.* .*\.$", lines[2])
    assert "here:tiny" in lines[-1]


def test_a_file_that_is_gone_is_a_sentence_in_its_row(
    home: Path, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone.gguf"
    assert bench(home, gone, model, *QUICK, "--json") == 1
    printed = capsys.readouterr()
    missing, *rows = json.loads(printed.out)
    assert (missing["model"], missing["reference"]) == ("gone", f"local:{gone}")
    assert "is not there any more" in missing["error"]
    assert missing["error"] in printed.err
    assert [row["test"] for row in rows] == ["pp32", "tg8"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["-p", "-1"], 2, "--prompt takes a number from 0 to 1,000,000."),
        (["-p", "0", "-n", "0"], 2, "there is nothing to measure"),
        (["-r", "0"], 2, "--repetitions takes a number from 1"),
        (["--threads", "0"], 2, "--threads takes a number from 1"),
        (["--threads", "2", "--tune"], 2, "looks for the number of threads by itself"),
        (["ollama:qwen", "--tune"], 2, "“ollama:qwen” runs at its server, which decides how"),
        (["nothing"], 1, "There is no model called “nothing”."),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(
    home: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    assert bench(home, model, *arguments) == code
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.out == ""


def test_threads_are_not_for_servers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(home, "ollama:qwen", "--threads", 2) == 2
    assert "--threads is for models of this computer" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["x.gguf", "--json", "--md"], ["x.gguf", "-p", "many"]])
def test_what_is_no_command_is_2(home: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        bench(home, *arguments)
    assert caught.value.code == 2


async def test_ctrl_c_tells_what_was_measured_before(home: Path, model: Path) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    def answer(_request: Received) -> Reply:
        asked.set()
        return Reply(wait=never)

    async with running(FakeServer()) as server:
        LlamaServer(server)
        server.route("POST", "/v1/completions", answer)
        knows(home, **{"llama-server": server})
        models = (str(model), "llama-server:tiny")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "--home", str(home), "bench", *models, *QUICK),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            await asked.wait()
            process.send_signal(signal.SIGINT)
            out, errors = await process.communicate()
    assert process.returncode == 130
    assert errors == b"Stopped.\n"
    told = [line.split() for line in out.decode().splitlines()[1:]]  # names may have spaces
    assert ["pp32" in told[0], "tg8" in told[1], len(told)] == [True, True, 2]

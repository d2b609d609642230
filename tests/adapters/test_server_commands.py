"""How a server is started: its command, the launcher, its environment and its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app import processes
from app.errors import Misconfigured
from app.llm.discovery import launcher, server_log, server_process
from app.llm.discovery.launch_commands import COMMANDS, NO_SETTINGS, ServerSettings, command
from app.schema import InstalledServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the servers are scripts with #!")
OLLAMA = InstalledServer("ollama", "Ollama", "/bin/ollama")
LLAMA_SERVER = InstalledServer("llama-server", "llama.cpp server", "/bin/llama-server")
LLAMA = InstalledServer("llama-server", "llama.cpp server", "/bin/llama")
LOCALAI = InstalledServer("localai", "LocalAI", "/bin/local-ai")
MISTRAL_RS = InstalledServer("mistral-rs", "mistral.rs", "/bin/mistralrs")
AT = "--host 127.0.0.1 --port 5"
PLANNED = ServerSettings(
    context=4096,
    threads=4,
    threads_batch=8,
    gpu_layers=20,
    tensor_split=(0.25, 0.75),
    cpu_expert_layers=7,
    type_k="q8_0",
    type_v="q8_0",
    flash_attention=True,
    batch=2048,
    ubatch=512,
    use_mlock=True,
    use_numa=True,
)
ON_PROCESSOR = ServerSettings(context=4096, threads=4, gpu_layers=0)


@pytest.mark.parametrize(
    ("installed", "model", "wanted", "argv", "environment"),
    [
        (
            OLLAMA,
            "",
            PLANNED,
            "ollama serve",
            {
                "OLLAMA_HOST": "127.0.0.1:5",
                "OLLAMA_CONTEXT_LENGTH": "4096",
                "OLLAMA_FLASH_ATTENTION": "1",
                "OLLAMA_KV_CACHE_TYPE": "q8_0",
            },
        ),
        (  # which has no such types
            OLLAMA,
            "",
            ServerSettings(type_k="q8_0", type_v="f16", flash_attention=False),
            "ollama serve",
            {"OLLAMA_HOST": "127.0.0.1:5", "OLLAMA_FLASH_ATTENTION": "0"},
        ),
        (OLLAMA, "", NO_SETTINGS, "ollama serve", {"OLLAMA_HOST": "127.0.0.1:5"}),
        (
            LLAMA_SERVER,
            "/m/a.gguf",
            ON_PROCESSOR,
            f"llama-server {AT} --model /m/a.gguf --ctx-size 4096 --threads 4 --n-gpu-layers 0",
            {},
        ),
        (
            LLAMA_SERVER,
            "/m/a.gguf",
            PLANNED,
            f"llama-server {AT} --model /m/a.gguf --ctx-size 4096 --threads 4 --threads-batch 8 "
            "--n-gpu-layers 20 --tensor-split 0.25,0.75 --batch-size 2048 --ubatch-size 512 "
            "--cache-type-k q8_0 --cache-type-v q8_0 --numa distribute",
            {
                "LLAMA_ARG_FLASH_ATTN": "1",
                "LLAMA_ARG_N_CPU_MOE": "7",
                "LLAMA_ARG_MLOCK": "1",
                "LLAMA_ARG_LOAD_MODE": "mlock",
            },
        ),
        (LLAMA_SERVER, "", NO_SETTINGS, f"llama-server {AT}", {}),
        (LLAMA, "/m/a.gguf", NO_SETTINGS, f"llama serve {AT} --model /m/a.gguf", {}),
        (
            LOCALAI,
            "/m/a.gguf",
            PLANNED,
            "local-ai run --address 127.0.0.1:5 --models-path /m --context-size 4096 --threads 4",
            {},
        ),
        (LOCALAI, "", NO_SETTINGS, "local-ai run --address 127.0.0.1:5", {}),
        (
            MISTRAL_RS,
            "/m/a.gguf",
            ON_PROCESSOR,
            f"mistralrs serve {AT} --model-id /m --format gguf --quantized-file a.gguf "
            "--max-seq-len 4096 --cpu",
            {"RAYON_NUM_THREADS": "4"},
        ),
        (MISTRAL_RS, "/m/folder", NO_SETTINGS, f"mistralrs serve {AT} --model-id /m/folder", {}),
    ],
)
def test_commands(
    installed: InstalledServer,
    model: str,
    wanted: ServerSettings,
    argv: str,
    environment: dict[str, str],
) -> None:
    assert command(installed, model, 5, wanted) == (f"/bin/{argv}".split(), environment)


def test_what_has_no_command_says_so() -> None:
    with pytest.raises(Misconfigured, match="none was chosen"):
        command(MISTRAL_RS, "", 5)
    with pytest.raises(Misconfigured, match="cannot start Jan"):
        command(InstalledServer("jan", "Jan", "/bin/jan"), "", 5)


def test_every_kind_that_can_be_started_has_a_way_to_tell_that_it_is_ready() -> None:
    assert set(server_process.HEALTH) == set(COMMANDS)


def test_a_log_that_grows_too_long_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_log, "LARGEST", 100)
    log = server_log.ServerLog(tmp_path / "x.log")
    assert log.lines == []
    log.trim()  # there is none yet
    with log.begin("X") as output:
        output.write(b"a" * 100)
        output.flush()
        log.trim()
        assert log.lines == ["a" * 100]
        output.write(b"b\n")
        output.flush()
        log.trim()
        assert log.lines == []
        output.write("ü\udcff\n".encode("utf-8", "surrogateescape"))
        output.flush()
        assert log.lines == ["ü\ufffd"]
        assert log.file.stat().st_size == 4


@pytest.mark.skipif(sys.platform != "linux", reason="the launcher is Linux's")
def test_the_launcher_starts_nothing_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    argv = [sys.executable, "-c", f"open({str(trace)!r}, 'w')"]
    own = launcher.command(argv, signal.SIGKILL, str(tmp_path))
    assert subprocess.run(own).returncode == 0
    assert trace.exists()
    trace.unlink()
    own[own.index(str(os.getpid()))] = "1"  # as if it had another parent before
    assert subprocess.run(own).returncode == launcher.FAILED
    assert not trace.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the launcher is Linux's")
def test_the_launcher_says_what_it_could_not_start(tmp_path: Path) -> None:
    own = launcher.command([str(tmp_path / "gone")], signal.SIGKILL, str(tmp_path))
    done = subprocess.run(own, capture_output=True, text=True)
    assert done.returncode == launcher.FAILED
    assert "could not be started" in done.stderr


def test_a_bundles_own_variables_stay_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/before")
    monkeypatch.setenv("DYLD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "/bundle/hearth")
    assert processes.foreign_environment()["LD_LIBRARY_PATH"] == "/bundle"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    clean = processes.foreign_environment()
    assert clean["LD_LIBRARY_PATH"] == "/before"
    assert not {"LD_LIBRARY_PATH_ORIG", "DYLD_LIBRARY_PATH", "_PYI_ARCHIVE_FILE"} & set(clean)
    assert clean["PATH"] == os.environ["PATH"]

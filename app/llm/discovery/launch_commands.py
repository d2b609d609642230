"""How each server is started for one model: its arguments and environment, as data. Pure.

Sources: `llama-server --help` and tools/server/README.md of llama.cpp, envconfig of Ollama,
core/cli/run.go of LocalAI, mistralrs-cli/src/args of mistral.rs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import NamedTuple

from app.errors import Misconfigured
from app.schema import InstalledServer

HOST = "127.0.0.1"


class Launch(NamedTuple):
    """What is to run; 0 tokens, 0 threads and -1 layers leave the choice to the server."""

    program: str
    model: str
    port: int
    context: int = 0
    threads: int = 0
    gpu_layers: int = -1


Command = tuple[list[str], dict[str, str]]  # arguments, and environment variables beside the usual


def command(
    installed: InstalledServer,
    model_path: str,
    port: int,
    context: int = 0,
    threads: int = 0,
    gpu_layers: int = -1,
) -> Command:
    """The command that serves a model on a port of this computer alone.

    Args:
        installed: the program.
        model_path: the model's file or folder; "" where the server is to offer what it has.
        port: the port on 127.0.0.1.
        context: tokens, or 0 for the server's own choice.
        threads: or 0 for the server's own choice.
        gpu_layers: how many go to the GPU, or -1 for the server's own choice.

    Raises:
        Misconfigured: this program cannot be started from here, or not without a model.
    """
    make = COMMANDS.get(installed.kind)
    if make is None:
        raise Misconfigured(
            f"Hearth cannot start {installed.name}.",
            "Start it yourself: Hearth finds it then.",
            provider=installed.name,
        )
    return make(Launch(installed.path, model_path, port, context, threads, gpu_layers))


def _ollama(launch: Launch) -> Command:
    """Threads and GPU layers are not the server's, but each request's."""
    environment = {"OLLAMA_HOST": f"{HOST}:{launch.port}"}
    if launch.context:
        environment["OLLAMA_CONTEXT_LENGTH"] = str(launch.context)
    return [launch.program, "serve"], environment


def _llama_server(launch: Launch) -> Command:
    """Without a model it is a router over the models it has fetched itself."""
    is_unified = PurePath(launch.program).stem == "llama"
    argv = [launch.program, *(["serve"] if is_unified else [])]
    argv += ["--host", HOST, "--port", str(launch.port)]
    argv += _option("--model", launch.model)
    argv += _option("--ctx-size", launch.context)
    argv += _option("--threads", launch.threads)
    if launch.gpu_layers >= 0:  # else it fits as many as it can
        argv += ["--n-gpu-layers", str(launch.gpu_layers)]
    return argv, {}


def _localai(launch: Launch) -> Command:
    """It serves all models of a folder; GPU layers stand in a model's own file."""
    argv = [launch.program, "run", "--address", f"{HOST}:{launch.port}"]
    argv += _option("--models-path", str(PurePath(launch.model).parent) if launch.model else "")
    argv += _option("--context-size", launch.context)
    argv += _option("--threads", launch.threads)
    return argv, {}


def _mistral_rs(launch: Launch) -> Command:
    """A GGUF file is named by its folder and its name; threads are those of its Rust library."""
    if not launch.model:
        raise Misconfigured(
            "mistral.rs serves one model, and none was chosen.", "Choose a model to start it with."
        )
    path = PurePath(launch.model)
    argv = [launch.program, "serve", "--host", HOST, "--port", str(launch.port)]
    if path.suffix.lower() == ".gguf":
        argv += ["--model-id", str(path.parent), "--format", "gguf", "--quantized-file", path.name]
    else:
        argv += ["--model-id", str(path)]
    argv += _option("--max-seq-len", launch.context)
    if launch.gpu_layers == 0:
        argv.append("--cpu")
    return argv, {"RAYON_NUM_THREADS": str(launch.threads)} if launch.threads else {}


def _option(name: str, value: str | int) -> list[str]:
    return [name, str(value)] if value else []


COMMANDS: Mapping[str, Callable[[Launch], Command]] = MappingProxyType(
    {
        "ollama": _ollama,
        "llama-server": _llama_server,
        "localai": _localai,
        "mistral-rs": _mistral_rs,
    }
)

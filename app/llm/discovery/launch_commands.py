"""How each server is started for one model: its arguments and environment, as data. Pure.

Sources: common/arg.cpp and tools/server/README.md of llama.cpp, envconfig of Ollama,
core/cli/run.go of LocalAI, mistralrs-cli/src/args of mistral.rs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import NamedTuple

from app.errors import Misconfigured
from app.schema import InstalledServer

HOST = "127.0.0.1"
OLLAMA_CACHES = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a server is to load its model; what is not set is left to it."""

    context: int = 0  # tokens
    threads: int = 0
    threads_batch: int = 0
    gpu_layers: int = -1  # to the GPU, the output layer among them; -1 is not set
    tensor_split: tuple[float, ...] = ()  # the share of each GPU
    cpu_expert_layers: int = 0  # so many first layers keep their experts in the computer's memory
    type_k: str = ""  # of the KV cache, such as q8_0
    type_v: str = ""
    flash_attention: bool | None = None
    batch: int = 0  # tokens of a prompt
    ubatch: int = 0  # tokens at once
    use_mlock: bool = False
    use_numa: bool = False


NO_SETTINGS = ServerSettings()


class Launch(NamedTuple):
    """What is to run, and how."""

    program: str
    model: str
    port: int
    wanted: ServerSettings


Command = tuple[list[str], dict[str, str]]  # arguments, and environment variables beside the usual


def command(
    installed: InstalledServer,
    model_path: str,
    port: int,
    wanted: ServerSettings = NO_SETTINGS,
) -> Command:
    """The command that serves a model on a port of this computer alone.

    Args:
        installed: the program.
        model_path: the model's file or folder; "" where the server is to offer what it has.
        port: the port on 127.0.0.1.
        wanted: how the model is to be loaded, as far as the program has an option for it.

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
    return make(Launch(installed.path, model_path, port, wanted))


def _ollama(launch: Launch) -> Command:
    """Threads, batches and GPU layers are not the server's, but each request's."""
    environment, wanted = {"OLLAMA_HOST": f"{HOST}:{launch.port}"}, launch.wanted
    if wanted.context:
        environment["OLLAMA_CONTEXT_LENGTH"] = str(wanted.context)
    if wanted.flash_attention is not None:
        environment["OLLAMA_FLASH_ATTENTION"] = _flag(is_on=wanted.flash_attention)
    if wanted.type_k == wanted.type_v and wanted.type_k in OLLAMA_CACHES:
        environment["OLLAMA_KV_CACHE_TYPE"] = wanted.type_k
    return [launch.program, "serve"], environment


def _llama_server(launch: Launch) -> Command:
    """Without a model it is a router over the models it has fetched itself."""
    is_unified = PurePath(launch.program).stem == "llama"
    wanted = launch.wanted
    argv = [launch.program, *(["serve"] if is_unified else [])]
    argv += ["--host", HOST, "--port", str(launch.port)]
    argv += _option("--model", launch.model)
    argv += _option("--ctx-size", wanted.context)
    argv += _option("--threads", wanted.threads)
    argv += _option("--threads-batch", wanted.threads_batch)
    if wanted.gpu_layers >= 0:  # else it fits as many as it can
        argv += ["--n-gpu-layers", str(wanted.gpu_layers)]
    argv += _option("--tensor-split", ",".join(f"{share:g}" for share in wanted.tensor_split))
    argv += _option("--batch-size", wanted.batch)
    argv += _option("--ubatch-size", wanted.ubatch)
    argv += _option("--cache-type-k", wanted.type_k)
    argv += _option("--cache-type-v", wanted.type_v)
    argv += ["--numa", "distribute"] if wanted.use_numa else []
    return argv, _llama_variables(wanted)


def _llama_variables(wanted: ServerSettings) -> dict[str, str]:
    """What has other options from one version to the next: a variable that is not known is ignored.

    Flash attention was a flag without a value until August 2025, when experts got their option;
    locking was a flag until the summer of 2026.
    """
    found = {}
    if wanted.flash_attention is not None:
        found["LLAMA_ARG_FLASH_ATTN"] = _flag(is_on=wanted.flash_attention)
    if wanted.cpu_expert_layers:
        found["LLAMA_ARG_N_CPU_MOE"] = str(wanted.cpu_expert_layers)
    if wanted.use_mlock:
        found |= {"LLAMA_ARG_MLOCK": "1", "LLAMA_ARG_LOAD_MODE": "mlock"}
    return found


def _localai(launch: Launch) -> Command:
    """It serves all models of a folder; the other settings stand in a model's own file."""
    argv = [launch.program, "run", "--address", f"{HOST}:{launch.port}"]
    argv += _option("--models-path", str(PurePath(launch.model).parent) if launch.model else "")
    argv += _option("--context-size", launch.wanted.context)
    argv += _option("--threads", launch.wanted.threads)
    return argv, {}


def _mistral_rs(launch: Launch) -> Command:
    """A GGUF file is named by its folder and its name; threads are those of its Rust library.

    It divides the layers between the cards and the processor itself, for the context that it is
    told, and its KV cache has types of its own.
    """
    if not launch.model:
        raise Misconfigured(
            "mistral.rs serves one model, and none was chosen.", "Choose a model to start it with."
        )
    path, wanted = PurePath(launch.model), launch.wanted
    argv = [launch.program, "serve", "--host", HOST, "--port", str(launch.port)]
    if path.suffix.lower() == ".gguf":
        argv += ["--model-id", str(path.parent), "--format", "gguf", "--quantized-file", path.name]
    else:
        argv += ["--model-id", str(path)]
    argv += _option("--max-seq-len", wanted.context)
    if wanted.gpu_layers == 0:
        argv.append("--cpu")
    return argv, {"RAYON_NUM_THREADS": str(wanted.threads)} if wanted.threads else {}


def _flag(*, is_on: bool) -> str:
    return "1" if is_on else "0"


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

"""What llama.cpp really takes for a model: its own buffers, and the growth of this process.

python -m tests.fakes.memory_probe MODEL.gguf SETTINGS.json reckon|load|compute

A process of its own, so that one model's memory is not counted for another. With `reckon` llama.cpp
reckons its buffers without allocating them (`no_alloc`), so that a model of any size can be asked;
with `load` the model is loaded, and with `compute` it also reads a batch. One line of JSON for each
of the settings.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from pathlib import Path
from typing import Any

import llama_cpp
import llama_cpp.llama_cpp as llama
import psutil

MIB = 1 << 20
# “llama_kv_cache:        CPU KV buffer size =   512.00 MiB”
_SIZE = re.compile(r"(\S+)\s+(model|RS|output|compute) buffer size =\s*([\d.]+) MiB")
# “llama_kv_cache: size =  512.00 MiB (  4096 cells,  32 layers,  1/1 seqs), K (f16):  256.00 MiB”
_CACHE = re.compile(r"kv_cache: size =\s*([\d.]+) MiB")
_TYPES = {
    "f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20,
    "bf16": 30,
}  # fmt: skip
_MAPPED = {True: llama.LLAMA_LOAD_MODE_MMAP, False: llama.LLAMA_LOAD_MODE_NONE}


class _Log:
    """Sums up the sizes in llama.cpp's log."""

    def __init__(self) -> None:
        self.sizes: dict[str, float] = {}
        self.lines: list[str] = []
        self._callback = llama_cpp.llama_log_callback(self._read)
        llama.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _read(self, _level: int, text: bytes, _data: ctypes.c_void_p) -> None:
        line = text.decode("utf-8", "replace")
        self.lines.append(line)
        for device, kind, size in _SIZE.findall(line):
            name = f"{kind} {device}" if kind in ("model", "compute") else kind
            self.sizes[name] = self.sizes.get(name, 0.0) + float(size) * MIB
        for size in _CACHE.findall(line):
            self.sizes["KV"] = self.sizes.get("KV", 0.0) + float(size) * MIB


def main() -> None:
    """Prints what each of the settings takes."""
    path, wanted, way = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), sys.argv[3]
    is_real = way != "reckon"
    log = _Log()
    llama.llama_backend_init()
    before = _memory()
    first = wanted[0]
    parameters = llama.llama_model_default_params()
    parameters.no_alloc = not is_real
    parameters.use_extra_bufts = first.get("extra_buffers", True)
    parameters.load_mode = _MAPPED[is_real and first.get("use_mmap", False)]
    model = llama.llama_model_load_from_file(path.encode(), parameters)
    if not model:
        sys.exit("".join(log.lines[-40:]))
    loaded = {"weights": float(llama.llama_model_size(model)), **log.sizes}
    for settings in wanted:
        log.sizes = dict(loaded)
        context = _context(model, settings)
        if not context:
            sys.exit("".join(log.lines[-40:]))
        if way == "compute":
            _compute(context)
        if is_real:
            log.sizes["growth"] = _memory() - before
        print(json.dumps(log.sizes), flush=True)
        llama.llama_free(context)
    llama.llama_model_free(model)


def _context(model: Any, settings: dict[str, Any]) -> Any:
    """A context as the engine makes it."""
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = settings["n_ctx"]
    parameters.n_batch = min(settings.get("n_batch", 2048), settings["n_ctx"])
    parameters.n_ubatch = min(settings.get("n_ubatch", 512), settings["n_ctx"])
    parameters.n_threads = parameters.n_threads_batch = 1
    parameters.n_seq_max = settings.get("n_sequences", 1)
    parameters.kv_unified = settings.get("kv_unified", False)
    parameters.swa_full = settings.get("swa_full", True)
    parameters.n_outputs_max = settings.get("n_outputs", 1) and max(
        settings.get("n_outputs", 1), settings.get("n_sequences", 1)
    )
    parameters.type_k = _TYPES[settings.get("type_k", "f16")]
    parameters.type_v = _TYPES[settings.get("type_v", "f16")]
    parameters.flash_attn_type = int(settings.get("flash_attention", True))
    return llama.llama_init_from_model(model, parameters)


def _compute(context: Any) -> None:
    """Lets the model read one batch, so that what it allocates is really there."""
    count = llama.llama_n_ubatch(context)
    tokens = (llama.llama_token * count)(*([1] * count))
    result = llama.llama_decode(context, llama.llama_batch_get_one(tokens, count))
    if result:
        sys.exit(f"llama_decode gave {result}")


def _memory() -> int:
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()

"""Headers of GGUF model files, read without llama.cpp."""

from app.gguf.adapter import read_adapter
from app.gguf.header import Header, LongArray, Tensor, Value
from app.gguf.parts import weights_size
from app.gguf.reader import read, read_stream

__all__ = [
    "Header",
    "LongArray",
    "Tensor",
    "Value",
    "read",
    "read_adapter",
    "read_stream",
    "weights_size",
]

"""The in-process GGUF runner: llama.cpp on one thread of its own."""

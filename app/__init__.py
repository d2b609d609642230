"""Hearth: a desktop program for talking to language models on your own computer."""

__version__ = "0.1.0"

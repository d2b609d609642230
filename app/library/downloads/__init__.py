"""Fetches models from the Hub: a queue that survives whatever happens, and never a wrong file."""

"""Hugging Face: searching it, what its files are, whether they fit, and what changed there."""

"""Finds out by trying how a model runs fastest on this computer, and keeps it."""

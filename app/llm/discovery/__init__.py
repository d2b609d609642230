"""Finds model servers that run on this computer, and starts those that are installed here."""

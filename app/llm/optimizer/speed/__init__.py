"""Foretells how fast a model will be, from what the computer was measured to reach."""

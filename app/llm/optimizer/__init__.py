"""What this computer is, and how a model should be loaded on it."""

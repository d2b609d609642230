"""The facts about this computer that decide how fast a model runs here; no decisions."""

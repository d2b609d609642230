"""What this computer is, and how models use it."""

from __future__ import annotations

from app.ui.settings.rows import Fact, Needs, Number, Row, Switch

ROWS = (
    Row(
        "This computer",
        "What Hearth may use of it, as it is now.",
        Fact(),
        id="computer",
        words="hardware cpu processor cores memory ram specifications",
    ),
    Row(
        "Fit models to this computer",
        "Choose threads and context by this computer's processor and memory; otherwise llama.cpp's "
        "own choices hold.",
        Switch(),
        path="models.optimize",
        words="optimize optimise performance speed threads context cpu tune",
        needs=Needs.LOAD,
    ),
    Row(
        "Unload when idle",
        "Give a model's memory back when nobody has asked it for this long; it loads again by "
        "itself.",
        Number("minutes", step=5, empty=(0.0,), placeholder="never"),
        path="models.unload_after_minutes",
        words="memory ram free time out timeout",
    ),
)

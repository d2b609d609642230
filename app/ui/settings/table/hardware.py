"""What this computer is, and how models use it."""

from __future__ import annotations

from app.ui.settings.rows import Choice, Fact, Needs, Number, Panel, PanelKind, Row, Switch

ALL, ONE = "All models", "The chosen model"

ROWS = (
    Row(
        "This computer",
        "What Hearth may use of it, as it is now.",
        Panel(PanelKind.COMPUTER),
        id="computer",
        words="hardware cpu processor cores memory ram gpu graphics card specifications battery",
    ),
    Row(
        "Fit models to this computer",
        "Choose threads and context by this computer's processor and memory; otherwise llama.cpp's "
        "own choices hold.",
        Switch(),
        path="models.optimize",
        words="optimize optimise performance speed threads context cpu tune",
        needs=Needs.LOAD,
        group=ALL,
    ),
    Row(
        "Take less memory",
        "Models are loaded with a shorter context, a smaller KV cache and smaller steps.",
        Switch(),
        path="models.less_memory",
        words="ram small thrifty save",
        needs=Needs.LOAD,
        group=ALL,
    ),
    Row(
        "Stay quiet",
        "Half of the cores compute: slower, with less heat, noise and current.",
        Choice((("never", "Never"), ("battery", "On battery"), ("always", "Always"))),
        path="models.quiet",
        words="fan noise heat battery power laptop cores threads energy",
        needs=Needs.LOAD,
        group=ALL,
    ),
    Row(
        "Unload when idle",
        "Give a model's memory back when nobody has asked it for this long; it loads again by "
        "itself.",
        Number("minutes", step=5, empty=(0.0,), placeholder="never"),
        path="models.unload_after_minutes",
        words="memory ram free time out timeout",
        group=ALL,
    ),
    Row(
        "Compare models",
        "See side by side what several models would take, and how fast they are likely to answer, "
        "each loaded in several ways.",
        Fact("Open the comparison"),
        id="compare",
        words="comparison table context kv cache speed tokens memory fits which",
        group=ALL,
    ),
    Row(
        "In use now",
        "What Hearth takes of this computer at the moment, while a model is loaded.",
        Panel(PanelKind.USE),
        id="use",
        words="monitor load cpu memory gpu activity usage",
        group=ONE,
    ),
    Row(
        "How it is loaded",
        "What was chosen for this model on this computer, and why.",
        Panel(PanelKind.PLAN),
        id="plan",
        words="plan threads context batch layers kv cache flash attention mmap mlock memory reason",
        group=ONE,
    ),
    Row(
        "Load it differently",
        "What you set here counts for this model alone; what you leave empty, Hearth chooses.",
        Panel(PanelKind.WISHES),
        id="wishes",
        words="context length n_ctx threads batch gpu layers offload kv cache type flash attention "
        "mmap mlock tensor split experts advanced",
        group=ONE,
    ),
    Row(
        "Tune for this model",
        "Tries for up to a minute how this model runs fastest on this computer, while the chat "
        "waits.",
        Panel(PanelKind.TUNING),
        id="tuning",
        words="tune tuning benchmark bench measure speed fast tokens per second optimise threads "
        "batch",
        group=ONE,
    ),
)

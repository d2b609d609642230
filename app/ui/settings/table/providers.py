"""Model servers and services."""

from __future__ import annotations

from app.ui.settings.rows import Fact, Models, Row, Switch

OFFLINE = "providers.stay_offline"

ROWS = (
    Row(
        "Servers and services",
        "Those that were found here, and those that you set up with their addresses and keys.",
        Fact("Open their page"),
        id="servers",
        words="ollama openai anthropic gemini lm studio api key cloud endpoint add",
    ),
    Row(
        "Look for servers",
        "Find the model servers that run on this computer; nothing else is asked.",
        Switch(),
        path="providers.discover",
        words="discover discovery search scan ollama lm studio localhost",
    ),
    Row(
        "Keep looking",
        "Notice servers on this computer that come and go while Hearth is open.",
        Switch(),
        path="providers.watch",
        words="watch discover discovery background",
    ),
    Row(
        "Stay offline",
        "Reach no other computer, whatever else is set.",
        Switch(),
        path=OFFLINE,
        words="network internet privacy disconnect",
    ),
    Row(
        "Stand-ins",
        "Models that are asked in this order where the chosen one cannot answer.",
        Models(),
        path="providers.fallback",
        words="fallback chain backup alternative other models",
    ),
)

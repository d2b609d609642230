"""What stays on this computer, and what leaves it."""

from __future__ import annotations

from app.ui.settings.rows import Fact, Row, Switch
from app.ui.settings.table.providers import OFFLINE

ROWS = (
    Row(
        "Stay offline",
        "Reach no other computer, whatever else is set.",
        Switch(),
        path=OFFLINE,
        id="privacy-offline",
        words="network internet disconnect",
    ),
    Row(
        "What leaves this computer",
        "What Hearth sends with the present settings, to whom and when.",
        Fact(),
        id="leaves",
        words="network connections data sent cloud internet tracking telemetry",
    ),
    Row(
        "Chats",
        "They lie in one file on this computer, and are sent nowhere but to the model that "
        "answers.",
        Fact(),
        id="chats",
        words="history conversations database data storage",
    ),
    Row(
        "No telemetry",
        "Hearth counts nothing for anybody else: no usage reports, no error reports, no account.",
        Fact(),
        id="telemetry",
        words="tracking analytics statistics reports crash",
    ),
    Row(
        "Log",
        "What Hearth did and what went wrong, with keys left out; it stays on this computer.",
        Fact("Open the folder"),
        id="log",
        words="debug errors files folder support",
    ),
)

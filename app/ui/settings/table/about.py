"""What Hearth is made of."""

from __future__ import annotations

from app.ui.settings.rows import Fact, Row

ROWS = (
    Row(
        "Versions",
        "Name these when you report a problem.",
        Fact("Copy the versions"),
        id="versions",
        words="hearth python qt llama.cpp version build release report bug",
    ),
    Row(
        "Licences",
        "The programs that Hearth is built on, and the terms under which they are free.",
        Fact(),
        id="licences",
        words="licenses license licence open source credits packages mit lgpl legal copyright",
    ),
)

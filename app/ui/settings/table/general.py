"""Language, look, and what Hearth starts with."""

from __future__ import annotations

from app.settings import STARTER
from app.ui.settings.rows import Choice, Fact, Needs, Row, Switch

SIZES = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)  # factors on every font
START, LOOK, HELP = "Start", "Look", "Help with the first steps"

ROWS = (
    Row(
        "Theme",
        "Light, dark, or the one that your system uses.",
        Choice((("system", "As the system"), ("light", "Light"), ("dark", "Dark"))),
        path="appearance.theme",
        words="appearance colours colors dark mode night",
        group=LOOK,
    ),
    Row(
        "Text size",
        "How large all text is, from 80\u00a0% to 200\u00a0% of the usual size.",
        Choice(tuple((size, f"{size * 100:.0f}\u00a0%") for size in SIZES)),
        path="appearance.text_size",
        words="font zoom scale larger smaller accessibility appearance",
        group=LOOK,
    ),
    Row(
        "Language",
        "The language of the window; so far Hearth speaks English alone, and other languages "
        "appear here as they are added.",
        Choice(is_open=True),
        path="appearance.language",
        words="translation locale english",
        needs=Needs.RESTART,
        group=LOOK,
    ),
    Row(
        "Start with",
        "The model that is chosen when Hearth opens.",
        Choice((("", "The model used last"), (STARTER, "The starter")), is_open=True),
        path="models.default",
        words="start-up startup default model launch",
        needs=Needs.RESTART,
        group=START,
    ),
    Row(
        "Data folder",
        "Chats and models lie here; to have them elsewhere, close Hearth, move the folder, and "
        "start with HEARTH_HOME=FOLDER or hearth --home FOLDER.",
        Fact("Open the folder"),
        id="data-folder",
        words="directory path location storage backup home drive disk",
        group=START,
    ),
    Row(
        "Ways to a larger model",
        "The bar above the chat that leads to models for this computer, while the starter is in "
        "use.",
        Switch(),
        path="guide.bar",
        words="guide tips onboarding getting started",
        group=HELP,
    ),
    Row(
        "Suggested questions",
        "Three questions for the starter, in an empty chat.",
        Switch(),
        path="guide.suggestions",
        words="guide tips onboarding getting started suggestions",
        group=HELP,
    ),
)

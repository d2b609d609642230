"""The look as values: one file of colours and sizes for style sheet, painters and highlighter."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QGuiApplication, QPalette

LIGHT, DARK, SYSTEM = "light", "dark", "system"
HEADING_STEP = 1.2  # each level of heading above the text


class Theme(NamedTuple):
    """Colours by their role, and sizes in pixels, already scaled by the person's text size."""

    name: str
    colours: dict[str, str]
    metrics: dict[str, int]

    def colour(self, role: str) -> QColor:
        """The colour of a role, such as accent."""
        return QColor(self.colours[role])

    def metric(self, name: str) -> int:
        """A size in device-independent pixels, such as ui_font."""
        return self.metrics[name]

    def text_font(self) -> QFont:
        """For the conversation."""
        font = QFont(QGuiApplication.font())
        font.setPixelSize(self.metric("text_font"))
        return font

    def small_font(self) -> QFont:
        """For statistics and other quiet lines."""
        font = QFont(QGuiApplication.font())
        font.setPixelSize(self.metric("small_font"))
        return font

    def code_font(self) -> QFont:
        """The system's fixed font."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(self.metric("code_font"))
        return font

    @staticmethod
    def line_percent(font: QFont, spacing: float) -> int:
        """A line height of `spacing` times the font's size, in percent of its natural height.

        That height differs from font to font: 1.17 times the size in one, 1.36 in another.
        """
        return max(100, round(100 * spacing * font.pixelSize() / QFontMetricsF(font).height()))

    def style_sheet(self, folder: Path) -> str:
        """The application's style sheet."""
        values: dict[str, object] = {**self.colours, **self.metrics, "name": self.name}
        values["icons"] = (folder.parent / "icons").as_posix()  # drawn in black, where in a sheet
        # On the toast, whose ground is the text's colour, the other theme's accent is readable.
        values["accent_on_text"] = _read(folder)[DARK if self.name == LIGHT else LIGHT]["accent"]
        return Template((folder / "hearth.qss").read_text(encoding="utf-8")).substitute(values)

    def palette(self) -> QPalette:
        """For what the style sheet does not reach: native parts of Fusion and rich text."""
        palette = QPalette()
        roles = QPalette.ColorRole
        for role, colour in (
            (roles.Window, "window"),
            (roles.WindowText, "text"),
            (roles.Base, "surface"),
            (roles.AlternateBase, "code"),
            (roles.Text, "text"),
            (roles.Button, "surface"),
            (roles.ButtonText, "text"),
            (roles.ToolTipBase, "surface"),
            (roles.ToolTipText, "text"),
            (roles.PlaceholderText, "muted"),
            (roles.Highlight, "selection"),
            (roles.HighlightedText, "text"),
            (roles.Link, "accent"),
            (roles.LinkVisited, "accent"),
            (roles.Accent, "accent"),
            (roles.Mid, "line"),
            (roles.Dark, "line"),
        ):
            palette.setColor(role, self.colour(colour))
        for role in (roles.WindowText, roles.Text, roles.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, self.colour("muted"))
        return palette


def load(folder: Path, name: str, text_size: float = 1.0) -> Theme:
    """The theme called light or dark, its fonts scaled by `text_size`."""
    data = _read(folder)
    metrics: dict[str, int] = dict(data["metrics"])
    for font in [key for key in metrics if key.endswith("_font")]:
        metrics[font] = round(metrics[font] * text_size)
    metrics["heading_font"] = round(metrics["ui_font"] * HEADING_STEP)
    metrics["title_font"] = round(metrics["ui_font"] * HEADING_STEP**3)
    return Theme(name, dict(data[name]), metrics)


def resolve(preference: str) -> str:
    """Light or dark, from the person's choice or the system's."""
    if preference in (LIGHT, DARK):
        return preference
    dark = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


def peek(settings: Path) -> tuple[str, float]:
    """The chosen theme and text size, read from the settings file without the cost of validating.

    The first paint needs them; whatever is wrong with the file is told later, by its own reader.
    """
    try:
        section = json.loads(settings.read_text(encoding="utf-8"))["appearance"]
        size = float(section.get("text_size", 1.0))
        return str(section.get("theme", SYSTEM)), min(2.0, max(0.8, size))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return SYSTEM, 1.0


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    data: dict[str, dict[str, Any]] = json.loads(
        (folder / "hearth.json").read_text(encoding="utf-8")
    )
    return data

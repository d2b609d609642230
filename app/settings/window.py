"""How the window looks, and how it helps with the first steps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.settings.section import Section


class Appearance(Section):
    """How the window looks."""

    theme: Literal["system", "light", "dark"] = "system"
    text_size: float = Field(default=1.0, ge=0.8, le=2.0)  # a factor on every font
    language: str = "en"  # of the translations that ship with Hearth


class Guide(Section):
    """What helps with the first steps, until it is dismissed; Help brings it back."""

    suggestions: bool = True  # three questions for the starter
    bar: bool = True  # the ways to a larger model

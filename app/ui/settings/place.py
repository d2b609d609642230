"""Where a person is on the page of the settings: enough to come back to it in another look."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.ui.settings.compare_page import View


class Place(NamedTuple):
    """What is seen of the page, and what can still be taken back."""

    section: str
    search: str = ""
    focus: str = ""  # the name of the control that has the keyboard
    top: str = ""  # the key of the row at the top
    beyond: float = 0.0  # how much of that row is out of sight, as a share of its height
    undo: tuple[str, Mapping[str, object]] | None = None  # a section that was reset, and its values
    compared: View | None = None  # on the page that compares models, where that is open

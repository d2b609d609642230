"""The panels of the hardware section, by what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.settings.hardware_facts import FactsField
from app.ui.settings.hardware_plan import PlanField
from app.ui.settings.hardware_use import UseField
from app.ui.settings.hardware_wishes import WishesField
from app.ui.settings.rows import PanelKind
from app.ui.settings.tuning_block import TuningField

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.ui.icons import Icons
    from app.ui.settings.field import Field
    from app.ui.settings.rows import Row


def make_panel(row: Row, kind: PanelKind, icons: Icons, parent: QWidget) -> Field:
    """The panel of a row."""
    panels: dict[PanelKind, type[Field]] = {
        PanelKind.COMPUTER: FactsField,
        PanelKind.PLAN: PlanField,
        PanelKind.WISHES: WishesField,
        PanelKind.USE: UseField,
        PanelKind.TUNING: TuningField,
    }
    return panels[kind](row, icons, parent)

"""What a person does on the page that compares models, in the words of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QWidget

from app.llm.comparing import Cell
from app.llm.load_ways import Way
from app.llm.optimizer.machine.records import Computer
from app.ui.settings.compare_model import CompareModel, Kind
from app.ui.settings.compare_page import ComparePage
from app.ui.settings.compare_words import Order, phrase
from tests.fakes import shaped_models
from tests.ui.conftest import WIDGET, Desk, until
from tests.ui.hardware_use import HardwarePanel, open_hardware


def models_in(home: Path, *names: str) -> list[Path]:
    """Models of some gigabytes by their headers, where the library looks for them."""
    folder = home / "models"
    folder.mkdir(exist_ok=True)
    return [shaped_models.write(folder / f"{name}.gguf", name) for name in names]


class Comparison:
    """The page of a window's present shell."""

    def __init__(self, panel: HardwarePanel) -> None:
        self.panel = panel
        self.desk: Desk = panel.desk

    @property
    def page(self) -> ComparePage:
        found = self.desk.window.shell.findChildren(ComparePage)
        assert found
        return found[-1]

    @property
    def is_open(self) -> bool:
        return any(one.isVisible() for one in self.desk.window.shell.findChildren(ComparePage))

    @property
    def model(self) -> CompareModel:
        found = self.page.table.model()
        assert isinstance(found, CompareModel)
        return found

    async def open(self) -> None:
        """By the settings, as a person does."""
        await self.panel.open("hardware")
        self.panel.button("setting-compare").click()
        await until(lambda: self.is_open)
        await self.until_reckoned()

    async def until_reckoned(self) -> None:
        await until(lambda: not self.desk.services.tasks.running)

    def part(self, kind: type[WIDGET], name: str) -> WIDGET:
        found = self.page.findChild(kind, name)
        assert found is not None, name
        return found

    def text(self, name: str) -> str:
        """What a label says, "" where it is not there."""
        label = self.part(QLabel, name)
        return label.text().replace("\u200b", "") if label.isVisibleTo(self.page) else ""

    def press(self, name: str) -> None:
        button = self.part(QPushButton, name)
        assert button.isVisibleTo(self.page), name
        assert button.isEnabled(), name
        button.click()

    def vary(self, name: str, *, on: bool = True) -> None:
        self.part(QCheckBox, f"compare-{name}").setChecked(on)

    def sort(self, order: Order) -> None:
        box = self.page.order
        box.setCurrentIndex(box.findData(order))

    def names(self) -> list[str]:
        """The models of the table, from above to below."""
        table, spots = self.model, []
        for number in range(table.rowCount()):
            spot = table.spot(table.index(number, 0))
            assert spot is not None
            if not table.is_stacked or spot.kind is Kind.NAME:
                spots.append(spot)
        return [table.name(spot.row) for spot in spots]

    def columns(self) -> list[str]:
        return [phrase(way) for way in self.page.ways]

    def index(self, name: str, way: Way | None) -> QModelIndex:
        table = self.model
        path = next(path for path, one in self.page._known.items() if one.name == name)
        found = table.index_of(path, way)
        assert found.isValid(), (name, way)
        return found

    def cell(self, name: str, way: Way) -> Cell:
        spot = self.model.spot(self.index(name, way))
        assert spot is not None
        assert spot.cell is not None, (name, way)
        return spot.cell

    def lines(self, name: str, way: Way) -> Sequence[str]:
        return str(self.model.data(self.index(name, way))).splitlines()

    def choose(self, name: str, way: Way | None) -> None:
        """Puts the keyboard on a cell."""
        self.page.table.setCurrentIndex(self.index(name, way))

    def facts(self) -> dict[str, str]:
        """What is told below the table."""
        return {name: value for name, value, _ in self.page.detail.facts.texts()}

    def is_seen(self, widget: QWidget) -> bool:
        return widget.isVisibleTo(self.page)


async def open_comparison(home: Path, known: Computer) -> Comparison:
    """The window on a computer, not yet at the page."""
    return Comparison(await open_hardware(home, known))

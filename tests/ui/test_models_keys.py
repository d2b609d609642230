"""The models page by keyboard, for screen readers, at every size, in both directions and looks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QScrollArea,
    QWidget,
)

from app.library.records import Download, HubFile, HubModel, LibraryModel, Snapshot, Stage
from app.ui.library.page import HERE, MORE, SERVERS
from tests.fakes import gguf_small
from tests.ui.conftest import Run, settle, until
from tests.ui.models_use import Shop, open_shop

GB = 10**9


@pytest.fixture
def shop(run: Run, tmp_path: Path) -> Iterator[Shop]:
    gguf_small.model(tmp_path / "models" / "alder.gguf", "Alder")
    name = "Birch with a name that is a good deal longer than any row of any list is wide"
    gguf_small.model(tmp_path / "models" / "birch.gguf", name)
    (tmp_path / "models" / "copy.gguf").write_bytes((tmp_path / "models/alder.gguf").read_bytes())
    made = run(open_shop(tmp_path))
    run(made.play(opened(made)))
    yield made
    run(made.desk.close())
    settle()


async def opened(shop: Shop) -> None:
    await shop.open()
    await until(lambda: "Alder" in shop.names())
    shop.page.downloads.show_downloads([download("1"), download("2", Stage.FAILED)])
    await asyncio.sleep(0.02)


def download(key: str, stage: Stage = Stage.FETCHING) -> Download:
    name = f"Qwen3-4B-Instruct-{key}-Q4_K_M"
    model = HubModel("Qwen/Qwen3-4B-GGUF", "a" * 40, name, (HubFile(f"{name}.gguf", 2 * GB),))
    message = "There is not enough room on /home." if stage is Stage.FAILED else ""
    return Download(key, model, Path("/x"), stage, GB, 12e6, message, "Free some, then resume.")


async def fill(shop: Shop) -> None:
    """All that a view can hold."""
    await shop.choose("Alder")
    shop.press("findDuplicatesButton")
    await until(lambda: shop.shows("duplicateFiles"))
    shop.press("deleteModelButton")
    await until(lambda: shop.shows("deletedModels"))
    await shop.choose(shop.names()[0])


def test_tab_follows_the_eye(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await fill(shop)
        await asyncio.sleep(0.05)
        shop.desk.window.activateWindow()
        await until(lambda: QApplication.focusWidget() is not None)
        shop.button("modelsBackButton").setFocus()
        walked: list[QWidget] = []
        while (focused := QApplication.focusWidget()) not in walked:
            assert focused is not None
            walked.append(focused)
            QTest.keyClick(focused, Qt.Key.Key_Tab)
        inside = [widget for widget in walked if shop.page.inside.isAncestorOf(widget)]
        assert walked[: len(inside)] == inside  # they are in one piece
        names = [widget.objectName() for widget in inside]
        assert names.index("modelsHereTab") < names.index("pauseDownloadButton")
        assert names.index("cancelDownloadButton") < names.index("librarySearch")
        assert names.index("libraryList") < names.index("loadModelButton")
        assert names.index("loadModelButton") < names.index("undoDeleteButton")
        assert names.index("freeNowButton") < names.index("findDuplicatesButton")
        side_by_side = {"libraryList", "loadModelButton", "moreModelButton", "deleteModelButton"}
        tops = [
            widget.mapTo(shop.page.inside, QPoint(0, widget.height())).y()
            for widget in inside
            if widget.objectName() not in side_by_side
        ]
        tolerated = 12  # pixels, between controls of one line
        assert all(one <= other + tolerated for one, other in pairwise(tops))

    run(shop.play(scenario()))


def test_the_keys_lead_from_the_search_to_a_model_and_back_to_the_chat(
    run: Run, shop: Shop
) -> None:
    async def scenario() -> None:
        shop.desk.window.activateWindow()
        field = shop.part(QLineEdit, "librarySearch")
        await until(field.hasFocus)  # without a press
        QTest.keyClicks(field, "Birch")
        QTest.keyClick(field, Qt.Key.Key_Return)
        rows = shop.part(QListView, "libraryList")
        assert rows.hasFocus()
        chosen = shop.page.library.chosen()
        assert chosen is not None
        assert chosen.name.startswith("Birch")
        for part in (rows, field, shop.button("modelsMoreTab")):
            part.setFocus()
            QTest.keyClick(part, Qt.Key.Key_Escape)
            assert not shop.is_open, part
            assert shop.desk.window.shell.composer.editor.hasFocus()
            await shop.open()

    run(shop.play(scenario()))


def _unnamed(of: QAccessibleInterface) -> list[str]:
    roles = QAccessible.Role
    controls = (roles.PushButton, roles.EditableText, roles.ComboBox, roles.List, roles.CheckBox)
    found = []
    for number in range(of.childCount()):
        child = of.child(number)
        if child.state().invisible:
            continue
        if child.role() in controls and not child.text(QAccessible.Text.Name):
            widget = child.object()
            found.append(f"{child.role()} {widget.objectName()}")
        if child.role() is not roles.ComboBox:
            found += _unnamed(child)
    return found


@pytest.mark.parametrize("view", [HERE, MORE, SERVERS])
def test_every_control_has_a_name(run: Run, shop: Shop, view: int) -> None:
    async def scenario() -> None:
        if view == HERE:
            await fill(shop)
        shop.page.show_view(view)
        await until(lambda: view != MORE or "Recommended" in shop.texts("finderResults"))
        interface = QAccessible.queryAccessibleInterface(shop.page)
        assert interface is not None
        assert _unnamed(interface) == []
        if view == HERE:
            said = str(shop.index("Alder").data(Qt.ItemDataRole.AccessibleTextRole))
            assert said.startswith("Alder, fits, llama")
            assert shop.button("pauseDownloadButton").accessibleName().startswith("Pause Qwen3")

    run(shop.play(scenario()))


@pytest.mark.parametrize(
    ("look", "direction"),
    [
        ("light", Qt.LayoutDirection.LeftToRight),
        ("dark", Qt.LayoutDirection.RightToLeft),
    ],
)
@pytest.mark.parametrize("view", [HERE, MORE, SERVERS])
def test_nothing_is_clipped_at_the_largest_text_in_the_narrowest_window(
    run: Run, shop: Shop, view: int, look: str, direction: Qt.LayoutDirection
) -> None:
    async def scenario() -> None:
        if view == HERE:
            await fill(shop)
        QApplication.setLayoutDirection(direction)
        shop.desk.window.resize(420, 700)
        shop.desk.window.set_appearance(look, 2.0)
        await until(lambda: not shop.desk.services.tasks.running)
        assert shop.is_open  # it has come back in the new look
        shop.page.show_view(view)
        shop.page.downloads.show_downloads([download("1"), download("2", Stage.FAILED)])
        if view == HERE:
            await until(lambda: "Alder" in shop.names())
            shop.page.library.choose(shop.models()[-1].path)
        await until(lambda: view != MORE or "Recommended" in shop.texts("finderResults"))
        await asyncio.sleep(0.1)
        assert _clipped(shop.page) == []

    try:
        run(shop.play(scenario()))
    finally:
        QApplication.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


def _clipped(page: QScrollArea) -> list[tuple[str, Any]]:
    """What is wider than its place, or less high or wide than its own text."""
    inside = page.widget()
    assert inside is not None
    found: list[tuple[str, Any]] = []
    if inside.width() > page.viewport().width():
        found.append(("the page", (inside.width(), page.viewport().width())))
    for widget in inside.findChildren(QWidget):
        if not widget.isVisible():
            continue
        name = f"{type(widget).__name__} {widget.objectName()}"
        left = widget.mapTo(inside, QPoint(0, 0)).x()
        if left < 0 or left + widget.width() > inside.width():
            found.append((name, (left, widget.width(), inside.width())))
        needed = widget.minimumSizeHint()
        is_text = isinstance(widget, QLabel | QPushButton | QLineEdit)
        if is_text and (widget.width() < needed.width() or widget.height() < needed.height()):
            found.append((name, (widget.size(), needed)))
        if isinstance(widget, QLabel) and widget.wordWrap() and widget.text():
            high = widget.heightForWidth(widget.width())
            if widget.height() < high:
                found.append((name, (widget.text(), widget.height(), high)))
    return found


def test_a_change_of_the_look_leaves_the_person_where_they_were(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        shop.type("librarySearch", "Birch")
        await shop.choose(shop.names()[0])
        path = shop.models()[0].path
        shop.desk.window.set_appearance("dark", 1.0)
        await until(lambda: not shop.desk.services.tasks.running)
        assert shop.is_open
        assert shop.part(QLineEdit, "librarySearch").text() == "Birch"
        await until(lambda: shop.page.library.chosen())
        chosen = shop.page.library.chosen()
        assert chosen is not None
        assert chosen.path == path
        shop.page.show_view(SERVERS)
        shop.desk.window.set_appearance("light", 1.0)
        await until(lambda: not shop.desk.services.tasks.running)
        assert shop.page.view == SERVERS
        shop.press("modelsBackButton")
        shop.desk.window.set_appearance("dark", 1.0)
        await until(lambda: not shop.desk.services.tasks.running)
        assert not shop.is_open

    run(shop.play(scenario()))


def test_of_a_thousand_models_only_those_that_are_seen_are_drawn(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        paths = [Path(f"/models/model-{number:04}.gguf") for number in range(1000)]
        models = tuple(
            LibraryModel(path, (path,), f"Model {number:04}", shop.models()[0].kind, size=GB)
            for number, path in enumerate(paths)
        )
        view = shop.page.library
        asked: set[int] = set()
        data = view._model.data

        def counted(index: Any, role: int = 0) -> Any:
            asked.add(index.row())
            return data(index, role)

        view._model.data = counted  # type: ignore[method-assign]
        view.show_snapshot(Snapshot(models), {}, None)
        await asyncio.sleep(0.05)
        view.grab()
        assert len(shop.models()) == 1000
        assert 4 <= len(asked) < 40
        assert view.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        assert len(view.findChildren(QWidget)) < 100
        shop.type("librarySearch", "0999")
        assert shop.names() == ["Model 0999"]

    run(shop.play(scenario()))

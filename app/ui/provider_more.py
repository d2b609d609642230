"""What is rarely set of a server: its way through the network, its time-outs, its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.ui.controls import text_button

if TYPE_CHECKING:
    from app.settings import ProviderSettings

NUMBERS = (
    "connect_seconds",
    "reply_seconds",
    "silence_seconds",
    "requests_per_minute",
    "tokens_per_minute",
)
NAMES = ("proxy", "ca_file", "query", *NUMBERS)
SECONDS, LIMIT = "{usual} seconds at most", "per minute; no limit"
OPEN, CLOSE = "More settings", "Fewer settings"


class ProviderMore(QWidget):
    """Closed at first, unless something in it is set."""

    toggled = Signal()

    def __init__(self, settings: ProviderSettings, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("providerMore")
        self._settings = settings
        self._plain = type(settings)(name=settings.name, kind=settings.kind)
        self.proxy = self._line("providerProxy", settings.proxy, "the system's")
        self.ca_file = self._line(
            "providerCaFile", settings.ca_file, "a file of certificates to trust as well"
        )
        self.query = pairs_field(
            "providerQuery", settings.query, "=", "name=value, one in a line", self
        )
        self.connect_seconds = self._number("connect_seconds", SECONDS)
        self.reply_seconds = self._number("reply_seconds", SECONDS)
        self.silence_seconds = self._number("silence_seconds", SECONDS)
        self.requests_per_minute = self._number("requests_per_minute", LIMIT)
        self.tokens_per_minute = self._number("tokens_per_minute", LIMIT)
        self._button = text_button(OPEN, "link", self, "providerMoreButton")
        self._button.setCheckable(True)
        self._button.toggled.connect(self._show)
        self._fields = QWidget(self)
        form = QFormLayout(self._fields)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for label, field in (
            ("Pro&xy", self.proxy),
            ("CA &file", self.ca_file),
            ("&Parameters", self.query),
            ("C&onnection", self.connect_seconds),
            ("Rep&ly", self.reply_seconds),
            ("Si&lence", self.silence_seconds),
            ("Req&uests", self.requests_per_minute),
            ("&Tokens", self.tokens_per_minute),
        ):
            form.addRow(label, field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._fields)
        is_open = any(getattr(settings, name) != getattr(self._plain, name) for name in NAMES)
        self._button.setChecked(is_open)
        self._fields.setVisible(is_open)

    def values(self) -> dict[str, Any]:
        """What is typed. Raises ValueError with a sentence."""
        return {
            "proxy": self.proxy.text().strip(),
            "ca_file": self.ca_file.text().strip(),
            "query": pairs(self.query.toPlainText(), "=", "parameter", "name=value"),
            **{name: self._value(name) for name in NUMBERS},
        }

    def _show(self, wanted: bool) -> None:  # noqa: FBT001 - a Qt slot
        self._button.setText(CLOSE if wanted else OPEN)
        self._fields.setVisible(wanted)
        self.toggled.emit()

    def _line(self, name: str, text: str, placeholder: str) -> QLineEdit:
        line = QLineEdit(text, self)
        line.setObjectName(name)
        line.setPlaceholderText(placeholder)
        return line

    def _number(self, name: str, placeholder: str) -> QLineEdit:
        """A field that is empty while the usual value counts."""
        value = getattr(self._settings, name)
        usual = getattr(self._plain, name)
        about = placeholder.format(usual=f"{usual:g}")
        camel = "".join(part.title() for part in name.split("_"))
        return self._line(f"provider{camel}", "" if value == usual else f"{value:g}", about)

    def _value(self, name: str) -> float:
        usual: float = getattr(self._plain, name)
        return number(getattr(self, name).text(), "number", usual)


def number(text: str, what: str, otherwise: float = 0.0) -> float:
    """A number as people write it. Raises ValueError with a sentence."""
    text = text.strip().replace(",", ".")
    try:
        return float(text) if text else otherwise
    except ValueError:
        raise ValueError(f"“{text}” is no {what}. Write a number such as 2.50.") from None


def pairs_field(
    name: str, value: dict[str, str], sign: str, placeholder: str, parent: QWidget
) -> QPlainTextEdit:
    """A field for names and values, one pair in a line."""
    field = QPlainTextEdit("\n".join(f"{key}{sign}{said}" for key, said in value.items()), parent)
    field.setObjectName(name)
    field.setTabChangesFocus(True)
    field.setPlaceholderText(placeholder)
    field.ensurePolished()  # so that its font is that of the style sheet
    field.setFixedHeight(3 * field.fontMetrics().height() + 16)
    return field


def pairs(text: str, sign: str, what: str, form: str) -> dict[str, str]:
    """Lines of a name and a value with `sign` between. Raises ValueError with a sentence."""
    made = {}
    for line in filter(str.strip, text.splitlines()):
        name, found, value = line.partition(sign)
        if not found or not name.strip():
            raise ValueError(f"“{line.strip()}” is no {what}. Write it as {form}.")
        made[name.strip()] = value.strip()
    return made

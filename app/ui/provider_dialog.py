"""The form in which a provider is set up: kind, address, key, and what is rarely needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.settings import ProviderSettings
from app.ui.choice import CalmChoice
from app.ui.controls import text_button
from app.ui.provider_more import ProviderMore, number, pairs, pairs_field
from app.ui.provider_refusals import wrong
from app.ui.words import Words

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from app.schema import Health, ProviderKind
    from app.ui.icons import Icons

WIDTH = 520
CLOUD = "A cloud service: what you write is sent to its computers."
NAMED = "as the server lists them; or names with commas between"
REPOS = "repo ids or folders, with commas between"
NO_KEYRING = (
    "No keyring works on this computer, so the key lasts until Hearth is closed. It is never "
    "written into a file."
)


class ProviderDialog(QDialog):
    """Checks what is typed; says what is wrong beside the buttons."""

    saved = Signal(object, object)  # ProviderSettings, and the key: a str, or None to leave it
    tested = Signal(object, object)

    def __init__(
        self,
        kinds: Sequence[ProviderKind],
        settings: ProviderSettings,
        *,
        is_new: bool,
        has_key: bool,
        keyring_works: bool,
        icons: Icons,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("providerDialog")
        self.setWindowTitle("Add a server or service" if is_new else f"Settings of {settings.name}")
        self.setMinimumWidth(min(WIDTH, parent.width() - 40))
        self._kinds = {kind.kind: kind for kind in kinds}
        self._settings = settings
        self._is_new = is_new
        self._fields(icons, has_key=has_key)
        self._about = self._text()
        self._about.setObjectName("providerAbout")
        self._message = self._text()
        self._message.setObjectName("providerMessage")
        self._form = QFormLayout()
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for label, field in (
            ("&Kind", self.kind),
            ("&Address", self.url),
            ("K&ey", self.key),
            ("&Models", self.models),
            ("De&fault", self.default_model),
            ("&Device", self.device),
            ("&Context", self.context),
            ("&Headers", self.headers),
            ("Price, &read", self.prompt_price),
            ("Price, &written", self.answer_price),
        ):
            self._form.addRow(label, field)
        self._lay_out(keyring_works=keyring_works)
        self.kind.currentIndexChanged.connect(self._kind_changed)
        for line in self.findChildren(QLineEdit):
            line.textEdited.connect(self._typed)
        for text in self.findChildren(QPlainTextEdit):
            text.textChanged.connect(self._typed)
        self._kind_changed()

    def _lay_out(self, *, keyring_works: bool) -> None:
        inside = QWidget(self)
        inside.setProperty("role", "pageColumn")
        fields = QVBoxLayout(inside)
        fields.setContentsMargins(0, 0, 8, 0)
        fields.setSpacing(12)
        fields.addWidget(self._about)
        fields.addLayout(self._form)
        fields.addWidget(self.verify)
        fields.addWidget(self.enabled)
        fields.addWidget(self.more)
        if not keyring_works:
            note = self._text()
            note.setText(NO_KEYRING)
            fields.addWidget(note)
        fields.addStretch(1)
        self._fields_box = fields
        self._scroll = QScrollArea(self)
        self._scroll.setProperty("role", "page")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inside)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addWidget(self._scroll, 1)
        column.addWidget(self._message)
        column.addWidget(self._buttons())

    def showEvent(self, event: QShowEvent) -> None:
        """As high as the fields ask for, and no higher than the window."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        window = self.parentWidget()
        wanted = self._fields_box.totalHeightForWidth(self._scroll.viewport().width())
        others = self.height() - self._scroll.height()
        if window is not None:
            self.resize(self.width(), min(wanted + others, window.height() - 40))

    def show_health(self, health: Health) -> None:
        """What a test of the settings has found."""
        self._test.setEnabled(True)
        self._say(health.message or "It answers.", is_error=not health.works)

    def show_error(self, text: str) -> None:
        """Why it could not be saved."""
        self._say(text, is_error=True)

    def values(self) -> tuple[ProviderSettings, str | None]:
        """What is typed. Raises ValidationError."""
        kind = self._kinds[self.kind.currentData()]
        key = self.key.text().strip() if kind.needs_url else ""
        changes = {
            "kind": kind.kind,
            "url": self.url.text().strip() if kind.needs_url else "",
            "models": tuple(filter(None, (part.strip() for part in self.models.text().split(",")))),
            "default_model": self.default_model.text().strip(),
            "device": "" if kind.needs_url else self.device.text().strip(),
            "context": self.context.value(),
            "headers": pairs(self.headers.toPlainText(), ":", "header", "Name: value"),
            **(self.more.values() if kind.needs_url else {}),
            "verify": self.verify.isChecked(),
            "enabled": self.enabled.isChecked(),
            "prompt_price": number(self.prompt_price.text(), "price"),
            "answer_price": number(self.answer_price.text(), "price"),
        }
        made = ProviderSettings.model_validate({**self._settings.model_dump(), **changes})
        return made, key or None

    def _fields(self, icons: Icons, *, has_key: bool) -> None:
        settings = self._settings
        self.kind = CalmChoice(icons, self)
        self.kind.setObjectName("providerKind")
        self.kind.setAccessibleName("Kind")
        # The longest title must not make the form wider than its window.
        self.kind.setMinimumContentsLength(8)
        self.kind.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for kind in self._kinds.values():
            self.kind.addItem(f"{kind.title} (cloud)" if kind.is_cloud else kind.title, kind.kind)
        self.kind.setCurrentIndex(max(0, self.kind.findData(settings.kind)))
        self.kind.setEnabled(self._is_new)
        self.url = self._line("providerUrl", settings.url)
        self.key = self._line("providerKey", "", "none")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        if has_key:
            self.key.setPlaceholderText("kept, write another to change it")
        self.models = self._line("providerModels", ", ".join(settings.models))
        self.default_model = self._line(
            "providerDefaultModel",
            settings.default_model,
            "the model that is meant where only this is named",
        )
        self.device = self._line(
            "providerDevice", settings.device, "the best there is; or cpu, cuda, cuda:1, mps"
        )
        self.context = QSpinBox(self)
        self.context.setObjectName("providerContext")
        self.context.setRange(0, 10_000_000)
        self.context.setSingleStep(1024)
        self.context.setSuffix(" tokens")
        self.context.setSpecialValueText("chosen by itself")
        self.context.setValue(settings.context)
        self.headers = pairs_field(
            "providerHeaders", settings.headers, ": ", "Name: value, one in a line", self
        )
        self.more = ProviderMore(settings, self)
        self.more.toggled.connect(self._fit)
        asked = "per million tokens, if you pay for them"
        self.prompt_price = self._line("providerPromptPrice", _shown(settings.prompt_price), asked)
        self.answer_price = self._line("providerAnswerPrice", _shown(settings.answer_price), asked)
        self.verify = QCheckBox("Check the server's certificate", self)
        self.verify.setObjectName("providerVerify")
        self.verify.setChecked(settings.verify)
        self.enabled = QCheckBox("In use", self)
        self.enabled.setObjectName("providerEnabled")
        self.enabled.setChecked(settings.enabled)

    def _line(self, name: str, text: str, placeholder: str = "") -> QLineEdit:
        line = QLineEdit(text, self)
        line.setObjectName(name)
        line.setPlaceholderText(placeholder)
        return line

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        self._test: QPushButton = text_button("Test", "secondary", self, "testProviderButton")
        save = text_button("Save", "primary", self, "saveProviderButton")
        cancel = text_button("Cancel", "secondary", self, "cancelProviderButton")
        box.addButton(self._test, QDialogButtonBox.ButtonRole.ActionRole)
        box.addButton(save, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(cancel, QDialogButtonBox.ButtonRole.RejectRole)
        save.setDefault(True)
        self._test.clicked.connect(self._ask_test)
        save.clicked.connect(self._ask_save)
        cancel.clicked.connect(self.reject)
        return box

    def _kind_changed(self) -> None:
        kind = self._kinds[self.kind.currentData()]
        self.url.setPlaceholderText(kind.url or "http://127.0.0.1:8080")
        about = CLOUD if kind.is_cloud else kind.missing
        self._about.setText(about)
        self._about.setVisible(bool(about))
        for field in (self.url, self.key, self.headers, self.prompt_price, self.answer_price):
            self._form.setRowVisible(field, kind.needs_url)
        self.verify.setVisible(kind.needs_url)
        self.more.setVisible(kind.needs_url)
        self.models.setPlaceholderText(NAMED if kind.needs_url else REPOS)
        self._form.setRowVisible(self.device, not kind.needs_url)
        self._form.setRowVisible(self.context, kind.kind == "ollama" or not kind.needs_url)
        self._say("", is_error=False)

    def _ask_test(self) -> None:
        made = self._checked()
        if made is not None:
            self._test.setEnabled(False)
            self._say("Asking…", is_error=False)
            self.tested.emit(*made)

    def _ask_save(self) -> None:
        made = self._checked()
        if made is not None:
            self.saved.emit(*made)

    def _checked(self) -> tuple[ProviderSettings, str | None] | None:
        try:
            made = self.values()
        except ValueError as error:  # a ValidationError is one too
            self._say(wrong(error), is_error=True)
            return None
        return made

    def _typed(self) -> None:
        """Says at once what cannot be kept."""
        if self._checked() is not None:
            self._say("", is_error=False)

    def _say(self, text: str, *, is_error: bool) -> None:
        self._message.setText(text)
        self._message.setVisible(bool(text))
        self._message.setProperty("role", "error" if is_error else "muted")
        self._message.style().unpolish(self._message)
        self._message.style().polish(self._message)

    def _text(self) -> QLabel:
        label = Words("", self, "muted")
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label


def _shown(price: float) -> str:
    return f"{price:g}" if price else ""

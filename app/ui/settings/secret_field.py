"""A key: shown as known or not, given, taken from the environment when asked, and forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.settings.field import Field
from app.ui.settings.rows import Row, Secret, WrongValue
from app.ui.words import Words

if TYPE_CHECKING:
    from app.ui.icons import Icons

KEPT = "A token is kept in your system's keyring."
FOR_THIS_RUN = "A token is known until Hearth is closed. It is written into no file."
NONE = "No token is known."
NO_KEYRING = "No keyring works on this computer, and tokens are never written into a file."
NOT_TAKEN = "The keyring is locked or does not take keys now."
KEEP, KEEP_FOR_NOW = "Keep it", "Use it for now"


class Deed(StrEnum):
    """What is to happen with a key."""

    KEEP = "keep"
    FORGET = "forget"
    TAKE_OFFERED = "take offered"  # the one of the environment


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is known of a key, without the key itself."""

    is_known: bool = False
    is_for_this_run: bool = False
    keyring_works: bool = True
    remedy: str = ""  # where no keyring works
    is_offered: bool = False  # by the environment


class SecretField(Field):
    """Never shows a key; what is typed is gone as soon as it is kept."""

    is_wide = True

    def __init__(self, row: Row, control: Secret, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._state = Words("", self)
        self._state.setObjectName(f"state-{row.key}")
        self._line = QLineEdit(self)
        self._line.setEchoMode(QLineEdit.EchoMode.Password)
        self._line.textEdited.connect(self._typed)
        self._line.returnPressed.connect(self._keep)
        self._kept = text_button(KEEP, "secondary", self, f"keep-{row.key}")
        self._kept.clicked.connect(self._keep)
        self._for_now = text_button(KEEP_FOR_NOW, "secondary", self, f"keepForNow-{row.key}")
        self._for_now.clicked.connect(self._keep)
        self._offer = text_button(f"Use {control.variable}", "secondary", self, f"offer-{row.key}")
        self._offer.setToolTip(
            f"Your environment has a token in {control.variable}. It is taken only when you say so."
        )
        self._offer.clicked.connect(lambda: self.acted.emit((Deed.TAKE_OFFERED, "")))
        self._forget = text_button("Forget it", "link", self, f"forget-{row.key}")
        self._forget.setAccessibleName(f"Forget: {row.name}")
        self._forget.clicked.connect(lambda: self.acted.emit((Deed.FORGET, "")))
        self.dress(self._line)
        self._giving = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._giving.setSpacing(8)
        for widget, stretch in ((self._line, 1), (self._kept, 0), (self._for_now, 0)):
            self._giving.addWidget(widget, stretch)
        others = QHBoxLayout()
        others.setSpacing(8)
        others.addWidget(self._offer)
        others.addWidget(self._forget)
        others.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(self._state)
        column.addLayout(self._giving)
        column.addLayout(others)
        self.line.addLayout(column, 1)
        self._show(KeyState())

    @property
    def target(self) -> QWidget:
        """The line in which a key is given."""
        return self._line

    def value(self) -> object:
        """The key that is typed. Raises WrongValue for one that cannot be sent."""
        text = self._line.text().strip()
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise WrongValue("A token has no spaces and no special letters.")
        return text

    def take(self, content: object) -> None:
        """How the key stands."""
        if isinstance(content, KeyState):
            self._show(content)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the buttons below the line, or beside it."""
        direction = QBoxLayout.Direction
        self._giving.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)

    def _show(self, state: KeyState) -> None:
        if state.is_known:
            said = FOR_THIS_RUN if state.is_for_this_run else KEPT
            if state.is_for_this_run and state.keyring_works:
                said = f"{said} {NOT_TAKEN}"
        else:
            said = NONE
        if not state.keyring_works:
            said = "\n".join((said, " ".join(filter(None, (NO_KEYRING, state.remedy)))))
        self._state.setText(said)
        self._line.setPlaceholderText("write another to change it" if state.is_known else "hf_…")
        self._kept.setVisible(state.keyring_works)
        self._for_now.setVisible(not state.keyring_works)
        self._offer.setVisible(state.is_offered and not state.is_known)
        self._forget.setVisible(state.is_known)
        self._typed()

    def _typed(self) -> None:
        try:
            can_keep = bool(self.value())
        except WrongValue:
            can_keep = False
        for button in (self._kept, self._for_now):
            button.setEnabled(can_keep)
        self.edited.emit()

    def _keep(self) -> None:
        try:
            key = self.value()
        except WrongValue:
            return
        if key:
            self._line.clear()
            self._typed()
            self.acted.emit((Deed.KEEP, key))

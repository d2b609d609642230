"""The text of one message: read-only, selectable, as high as its content."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QFontMetricsF,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QFrame,
    QHBoxLayout,
    QLabel,
    QTextBrowser,
    QToolButton,
    QWidget,
)

from app.ui.chat import document
from app.ui.chat.answer import Answer, plain
from app.ui.chat.blocks import Block
from app.ui.icons import Icons
from app.ui.theme import Theme

LINK_SCHEMES = ("http", "https", "mailto")
STEP = 16_000  # characters of a long text that are drawn at a time
COPIED_SHOWN = 1500  # milliseconds
QUOTE_BAR = 3  # pixels


class MessageBody(QTextBrowser):
    """Draws Markdown as it grows. Never loads anything; links open in the person's browser."""

    height_changed = Signal()

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._answer = Answer()
        self._writer = document.DocumentWriter(self.document(), theme)
        self._headers: list[CodeHeader] = []
        self._settled_headers = 0
        self._text = ""
        self._drawn = 0  # characters
        self._final = False
        self._height = 0
        self.setProperty("role", "message")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setOpenLinks(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.anchorClicked.connect(_open_link)
        self.document().documentLayout().documentSizeChanged.connect(self._size_changed)
        self._more = QTimer(self)
        self._more.setSingleShot(True)
        self._more.setInterval(0)
        self._more.timeout.connect(self._draw_more)

    def set_opaque(self) -> None:
        """On the window's own ground: what lies below need not be painted for each new word."""
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def set_markdown(self, text: str, *, final: bool) -> None:
        """Shows a text that begins with what is shown already; `final` when it has ended."""
        self._text, self._final = text, final
        self._draw_more()

    def set_plain(self, text: str) -> None:
        """Shows a text as it is."""
        self._text = text
        self._writer.write(plain(text), [])

    def written(self) -> str:
        """The text as it was given."""
        return self._text

    def codes(self) -> Sequence[str]:
        """The source of each code block."""
        return self._answer.codes

    def content_height(self, width: int) -> int:
        """Lays the text out in this width; returns its height."""
        if self.document().textWidth() != width:
            self.document().setTextWidth(width)
        return round(self.document().size().height() + 0.49)

    def leading(self) -> int:
        """The empty pixels below the last line."""
        natural = QFontMetricsF(self._theme.text_font()).height()
        return round(natural * (self._writer.text_line / 100 - 1))

    def natural_width(self, enough: int) -> int:
        """The width at which no line of a plain text is broken, or `enough` if it is more."""
        metrics = QFontMetricsF(self._theme.text_font())
        widest = 0.0
        for line in self._text.split("\n"):
            widest = max(widest, metrics.horizontalAdvance(line))
            if widest > enough:
                return enough
        return round(widest + 2)

    def loadResource(self, _kind: int, _name: QUrl | str) -> None:
        """Nothing: no image, no file, no page."""
        return

    def setSource(self, *_arguments: object) -> None:
        """Nothing."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The conversation scrolls, not the message."""
        event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Breaks the lines anew where the width has changed, and only there.

        QTextEdit would lay out the whole text again for each line that an answer grows by.
        """
        if event.size().width() == self.document().textWidth():
            QAbstractScrollArea.resizeEvent(self, event)
            self.verticalScrollBar().setRange(0, 0)  # nothing is hidden: the transcript scrolls
        else:
            super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._place_headers()

    def minimumSizeHint(self) -> QSize:
        """The transcript decides the size."""
        return QSize(0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the grounds of code and the bars of quotes below the text."""
        painter = QPainter(self.viewport())
        if self.viewport().testAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent):
            painter.fillRect(event.rect(), self._theme.colour("window"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        self._paint_grounds(painter, QRectF(event.rect()))
        painter.end()
        super().paintEvent(event)

    def _paint_grounds(self, painter: QPainter, clip: QRectF) -> None:
        """Looks at the blocks between the top and the bottom of `clip` alone."""
        layout = self.document().documentLayout()
        at_top = layout.hitTest(QPointF(0, clip.top()), Qt.HitTestAccuracy.FuzzyHit)
        block = self.document().findBlock(at_top)
        if block.previous().isValid():
            block = block.previous()
        code_top: float | None = None
        while block.isValid():
            area = layout.blockBoundingRect(block)
            shape = block.blockFormat()
            if area.top() - document.CODE_HEADER > clip.bottom():
                break
            self._paint_quote(painter, block, area)
            if shape.hasProperty(document.RULE):
                middle = area.center().y()
                painter.fillRect(
                    QRectF(shape.leftMargin(), middle, self.viewport().width(), 1),
                    self._theme.colour("line"),
                )
            if shape.hasProperty(document.CODE_LINE):
                if shape.hasProperty(document.CODE_FIRST):
                    code_top = area.top() - document.CODE_HEADER
                elif code_top is None:  # the block begins above what is painted
                    code_top = min(area.top(), clip.top()) - document.CODE_HEADER
                bottom = area.bottom() + document.CODE_PADDING
                if shape.hasProperty(document.CODE_LAST) or area.bottom() > clip.bottom():
                    left = shape.doubleProperty(document.INDENT)
                    self._paint_code(painter, QRectF(left, code_top, 0, bottom - code_top))
                    code_top = None
            block = block.next()

    def _paint_quote(self, painter: QPainter, block: QTextBlock, area: QRectF) -> None:
        """A bar for each level, joined with the bar of the block above."""
        above = block.previous().blockFormat().intProperty(document.QUOTE_DEPTH)
        shape = block.blockFormat()
        painter.setBrush(self._theme.colour("line"))
        for level in range(shape.intProperty(document.QUOTE_DEPTH)):
            top = area.top() - (shape.topMargin() if above > level else 0)
            bottom = area.bottom() + area.height() * (self._writer.text_line / 100 - 1) / 2
            left = level * document.QUOTE_STEP
            painter.drawRect(QRectF(left, top, QUOTE_BAR, bottom - top))

    def _paint_code(self, painter: QPainter, ground: QRectF) -> None:
        ground.setRight(self.viewport().width())
        radius = self._theme.metric("radius")
        painter.setBrush(self._theme.colour("code"))
        painter.setPen(self._theme.colour("line"))
        painter.drawRoundedRect(ground.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setPen(Qt.PenStyle.NoPen)

    def _draw_more(self) -> None:
        """Draws the text, or of a long one the next step; the rest follows between events."""
        pending = len(self._text) - self._drawn
        self._drawn = len(self._text) if pending <= STEP else self._drawn + STEP
        done = self._drawn == len(self._text)
        final = self._final and done
        self._writer.write(*self._answer.update(self._text[: self._drawn], final=final))
        if final and Answer.must_start_over(self._text):
            self._start_over()
        self._update_headers()
        if not done:
            self._more.start()

    def _start_over(self) -> None:
        self.document().clear()
        self._answer = Answer()
        self._writer = document.DocumentWriter(self.document(), self._theme)
        self._settled_headers = 0
        blocks: tuple[list[Block], list[Block]] = self._answer.update(self._text, final=True)
        self._writer.write(*blocks)

    def _size_changed(self) -> None:
        height = round(self.document().size().height() + 0.49)
        if height != self._height:
            self._height = height
            self.height_changed.emit()

    def _update_headers(self) -> None:
        """One header for each code block."""
        while len(self._headers) < len(self._writer.code_starts):
            header = CodeHeader(self, len(self._headers), self._icons)
            header.show()
            self._headers.append(header)
        while len(self._headers) > len(self._writer.code_starts):
            self._headers.pop().deleteLater()
        self._place_headers(self._settled_headers)
        self._settled_headers = self._writer.settled_codes

    def _place_headers(self, first: int = 0) -> None:
        """Puts the headers where their code is; those before `first` have not moved."""
        layout = self.document().documentLayout()
        starts = self._writer.code_starts
        for header, start in zip(self._headers[first:], starts[first:], strict=True):
            block = self.document().findBlock(start)
            area = layout.blockBoundingRect(block)
            shape = block.blockFormat()
            left = round(shape.doubleProperty(document.INDENT))
            top = round(area.top()) - document.CODE_HEADER
            header.set_language(str(shape.property(document.CODE_LANGUAGE) or "text"))
            header.setGeometry(left, top, self.viewport().width() - left, document.CODE_HEADER)


class CodeHeader(QFrame):
    """Above a code block: its language, and Copy."""

    def __init__(self, body: MessageBody, number: int, icons: Icons) -> None:
        super().__init__(body.viewport())
        self._body = body
        self._number = number
        self._icons = icons
        self.setProperty("role", "codeHeader")
        self._language = QLabel(self)
        self._language.setProperty("role", "small")
        self._copy = QToolButton(self)
        self._copy.setIcon(icons.get("copy", "muted"))
        self._copy.setIconSize(QSize(16, 16))
        self._copy.setText("Copy")
        self._copy.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._copy.setAccessibleName("Copy code")
        self._copy.setObjectName("copyCodeButton")
        self._copy.clicked.connect(self._copy_code)
        row = QHBoxLayout(self)
        row.setContentsMargins(document.CODE_PADDING, 2, 4, 0)
        row.addWidget(self._language)
        row.addStretch()
        row.addWidget(self._copy)

    def set_language(self, language: str) -> None:
        """The name that stands at the left."""
        self._language.setText(language)

    def _copy_code(self) -> None:
        QGuiApplication.clipboard().setText(self._body.codes()[self._number])
        self._copy.setText("Copied")
        QTimer.singleShot(COPIED_SHOWN, self._copy, lambda: self._copy.setText("Copy"))


def _open_link(address: QUrl) -> None:
    if address.scheme() in LINK_SCHEMES:
        QDesktopServices.openUrl(address)

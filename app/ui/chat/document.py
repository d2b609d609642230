"""Draws blocks into a QTextDocument, and on a change only from the first block that differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextOption,
    QTextTable,
    QTextTableFormat,
)

from app.ui.chat.blocks import Block, CodeLine, Paragraph, Rule, Run, Table
from app.ui.theme import HEADING_STEP, Theme

CODE_FIRST = QTextFormat.Property.UserProperty + 1  # set on the first line of a code block
CODE_LAST = QTextFormat.Property.UserProperty + 2
CODE_LINE = QTextFormat.Property.UserProperty + 3
QUOTE_DEPTH = QTextFormat.Property.UserProperty + 4
INDENT = QTextFormat.Property.UserProperty + 5  # pixels from the left to the code's ground
CODE_LANGUAGE = QTextFormat.Property.UserProperty + 6
RULE = QTextFormat.Property.UserProperty + 7

QUOTE_STEP, LIST_STEP = 16, 1.6  # pixels; font sizes
PARAGRAPH_GAP, TIGHT_GAP, HEADING_GAP = 12, 4, 22
CODE_PADDING, CODE_HEADER = 12, 30
TEXT_LINE, CODE_SPACING, HEADING_LINE = 1.5, 1.45, 1.3  # line heights, in font sizes
_PROPORTIONAL = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
_FIXED = QTextBlockFormat.LineHeightTypes.FixedHeight.value


class DocumentWriter:
    """Keeps a document equal to a growing list of blocks."""

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        self._document = document
        self._theme = theme
        self._list_step = round(theme.metric("text_font") * LIST_STEP)
        self.text_line = theme.line_percent(theme.text_font(), TEXT_LINE)  # percent
        self._heading_line = theme.line_percent(theme.text_font(), HEADING_LINE)
        self._code_line = theme.line_percent(theme.code_font(), CODE_SPACING)
        self._tail: list[Block] = []  # what was drawn and may still change
        self._starts: list[int] = []  # the position of each block of the tail
        self._base = 0  # where the tail begins
        self._before: Block | None = None  # the last settled block
        self._has_empty_line = True  # at the end, ready for the next block
        self.code_starts: list[int] = []  # the position of each code block's first line
        self.settled_codes = 0
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        document.setDefaultFont(theme.text_font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        document.setDefaultTextOption(option)

    def write(self, settled: Sequence[Block], tail: Sequence[Block]) -> None:
        """Draws `settled` and `tail` in place of the tail before."""
        wanted = [*settled, *tail]
        same = 0
        for old, new in zip(self._tail, wanted, strict=False):
            if old != new:
                break
            same += 1
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        try:
            if not self._extend(cursor, same, wanted):
                self._replace(cursor, same, wanted)
        finally:
            cursor.endEditBlock()
        self._tail = wanted
        self._settle(len(settled))

    def _settle(self, count: int) -> None:
        """Forgets the first blocks of the tail: they will not be compared again."""
        if count:
            self._before = self._tail[count - 1]
            settled = self._tail[:count]
            self.settled_codes += sum(isinstance(b, CodeLine) and b.first for b in settled)
            end = self._document.characterCount() - 1
            self._base = self._starts[count] if count < len(self._starts) else end
            del self._tail[:count], self._starts[:count]

    def _extend(self, cursor: QTextCursor, same: int, wanted: Sequence[Block]) -> bool:
        """Adds to the last paragraph where that is all that changed: the usual case by far."""
        if same != len(self._tail) - 1 or same >= len(wanted):
            return False
        old, new = self._tail[same], wanted[same]
        if not isinstance(old, Paragraph) or not isinstance(new, Paragraph):
            return False
        if replace(old, runs=()) != replace(new, runs=()) or not old.runs:
            return False
        shared = len(old.runs) - 1
        if old.runs[:shared] != new.runs[:shared] or len(new.runs) <= shared:
            return False
        last, grown = old.runs[shared], new.runs[shared]
        if replace(last, text="") != replace(grown, text=""):
            return False
        if not grown.text.startswith(last.text):
            return False
        cursor.movePosition(QTextCursor.MoveOperation.End)
        heading = new.heading
        self._insert_run(cursor, replace(grown, text=grown.text[len(last.text) :]), heading)
        for run in new.runs[shared + 1 :]:
            self._insert_run(cursor, run, heading)
        for index in range(same + 1, len(wanted)):
            self._append(cursor, wanted[index - 1], wanted[index])
        return True

    def _replace(self, cursor: QTextCursor, same: int, wanted: Sequence[Block]) -> None:
        """Draws everything from block `same` on anew."""
        start = self._starts[same] if same < len(self._starts) else None
        if start is not None:
            cursor.setPosition(start)
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            self._has_empty_line = True
            del self._starts[same:]
            kept = sum(isinstance(b, CodeLine) and b.first for b in self._tail[:same])
            del self.code_starts[self.settled_codes + kept :]
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for index in range(same, len(wanted)):
            before = wanted[index - 1] if index else self._before
            self._append(cursor, before, wanted[index])

    def _append(self, cursor: QTextCursor, before: Block | None, block: Block) -> None:
        """Draws a block at the end: in the empty line that is there, or in a new one."""
        layout = self._layout(before, block)
        plain = QTextCharFormat()
        if self._has_empty_line:
            self._has_empty_line = False
            cursor.setBlockFormat(layout)
            cursor.setBlockCharFormat(plain)
            cursor.setCharFormat(plain)
        else:
            cursor.insertBlock(layout, plain)
        self._starts.append(cursor.position())
        if isinstance(block, Table):
            self._insert_table(cursor, block)
        elif isinstance(block, CodeLine):
            if block.first:
                self.code_starts.append(cursor.position())
            for run in block.runs:
                cursor.insertText(run.text, self._code_style(run))
            if not block.runs:
                cursor.setBlockCharFormat(self._code_style(Run("")))
        elif isinstance(block, Paragraph):
            if block.marker:
                cursor.insertText(f"{block.marker}\t", self._style(Run(""), block.heading))
            for run in block.runs:
                self._insert_run(cursor, run, block.heading)

    def _layout(self, before: Block | None, block: Block) -> QTextBlockFormat:
        """The block's margins, line height and marks."""
        layout = QTextBlockFormat()
        place = block.place
        left = place.quote * QUOTE_STEP + place.indent * self._list_step
        layout.setLeftMargin(left)
        layout.setTopMargin(_gap(before, block))
        if place.quote:
            layout.setProperty(QUOTE_DEPTH, place.quote)
        layout.setLineHeight(self.text_line, _PROPORTIONAL)
        if isinstance(block, CodeLine):
            layout.setLineHeight(self._code_line, _PROPORTIONAL)
            layout.setLeftMargin(left + CODE_PADDING)
            layout.setRightMargin(CODE_PADDING)
            layout.setProperty(CODE_LINE, 1)
            layout.setProperty(INDENT, left)
            if block.first:
                layout.setTopMargin(layout.topMargin() + CODE_HEADER)
                layout.setProperty(CODE_FIRST, 1)
                layout.setProperty(CODE_LANGUAGE, block.language)
            if block.last:
                layout.setBottomMargin(CODE_PADDING)
                layout.setProperty(CODE_LAST, 1)
        elif isinstance(block, Rule):
            layout.setProperty(RULE, 1)
        elif isinstance(block, Table):
            layout = QTextBlockFormat()  # Qt leaves an empty line before a table out of the flow
        elif block.marker:
            layout.setTextIndent(-self._list_step + TIGHT_GAP)
            # Counted from where the marker begins.
            tab = QTextOption.Tab(self._list_step - TIGHT_GAP, QTextOption.TabType.LeftTab)
            layout.setTabPositions([tab])
        if isinstance(block, Paragraph) and block.heading:
            layout.setHeadingLevel(block.heading)
            layout.setLineHeight(self._heading_line, _PROPORTIONAL)
        return layout

    def _insert_run(self, cursor: QTextCursor, run: Run, heading: int = 0) -> None:
        if run.text:
            cursor.insertText(run.text, self._style(run, heading))

    def _style(self, run: Run, heading: int = 0) -> QTextCharFormat:
        theme = self._theme
        style = QTextCharFormat()
        style.setForeground(theme.colour("text"))
        if heading:
            style.setFontWeight(QFont.Weight.DemiBold)
            size = theme.metric("text_font") * HEADING_STEP ** max(0, 4 - heading)
            style.setProperty(QTextFormat.Property.FontPixelSize, round(size))
        if run.bold:
            style.setFontWeight(QFont.Weight.Bold)
        style.setFontItalic(run.italic)
        style.setFontStrikeOut(run.struck)
        if run.code:
            style.setFontFamilies(theme.code_font().families() or [theme.code_font().family()])
            style.setProperty(QTextFormat.Property.FontPixelSize, theme.metric("code_font"))
            style.setBackground(theme.colour("hover"))
        if run.link:
            style.setAnchor(True)
            style.setAnchorHref(run.link)
            style.setForeground(theme.colour("accent"))
            style.setFontUnderline(True)
            style.setToolTip(run.link)
        return style

    def _code_style(self, run: Run) -> QTextCharFormat:
        style = QTextCharFormat()
        font = self._theme.code_font()
        style.setFontFamilies(font.families() or [font.family()])
        style.setFontFixedPitch(True)
        style.setProperty(QTextFormat.Property.FontPixelSize, self._theme.metric("code_font"))
        role = f"syntax_{run.syntax}" if run.syntax else "text"
        style.setForeground(self._theme.colour(role))
        return style

    def _insert_table(self, cursor: QTextCursor, table: Table) -> None:
        theme = self._theme
        columns = max((len(row) for row in table.rows), default=1) or 1
        layout = QTextTableFormat()
        layout.setCellPadding(8)
        layout.setCellSpacing(0)
        layout.setBorder(1)
        layout.setBorderCollapse(True)
        layout.setBorderStyle(QTextTableFormat.BorderStyle.BorderStyle_Solid)
        layout.setBorderBrush(theme.colour("line"))
        layout.setHeaderRowCount(1)
        layout.setLeftMargin(table.place.quote * QUOTE_STEP + table.place.indent * self._list_step)
        layout.setTopMargin(PARAGRAPH_GAP)
        drawn = cursor.insertTable(max(1, len(table.rows)), columns, layout)
        for at, row in enumerate(table.rows):
            for column, runs in enumerate(row):
                self._fill_cell(drawn, table, at, column, runs)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        # The line below a table, whose margin Qt ignores, stays empty and next to nothing high.
        small = QTextBlockFormat()
        small.setLineHeight(1, _FIXED)
        cursor.setBlockFormat(small)

    def _fill_cell(
        self, drawn: QTextTable, table: Table, row: int, column: int, runs: Sequence[Run]
    ) -> None:
        cell = drawn.cellAt(row, column)
        inside = cell.firstCursorPosition()
        layout = QTextBlockFormat()
        alignment = table.alignments[column] if column < len(table.alignments) else "left"
        layout.setAlignment(
            {
                "center": Qt.AlignmentFlag.AlignHCenter,
                "right": Qt.AlignmentFlag.AlignRight,
            }.get(alignment, Qt.AlignmentFlag.AlignLeft)
        )
        inside.setBlockFormat(layout)
        for run in runs:
            self._insert_run(inside, replace(run, bold=run.bold or row == 0))


def _gap(before: Block | None, block: Block) -> int:
    """Pixels between a block and the one above it."""
    if before is None:
        return 0
    if isinstance(block, CodeLine) and not block.first:
        return 0
    padding = CODE_PADDING if isinstance(before, CodeLine) else 0  # margins collapse into it
    if isinstance(block, Paragraph) and block.heading:
        return HEADING_GAP + padding
    if isinstance(block, Paragraph) and isinstance(before, Paragraph):
        in_list = block.place.indent and before.place.indent
        if in_list and block.marker and before.tight:
            return TIGHT_GAP
    return PARAGRAPH_GAP + padding

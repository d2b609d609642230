"""Markdown on the screen: the same however it arrives, nothing fetched, readable in both themes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage, QTextDocument, QTextTable
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton, QWidget

from app import paths
from app.ui import theme as themes
from app.ui.chat.answer import Answer
from app.ui.chat.blocks import CodeLine, Fence, Paragraph, Table
from app.ui.chat.body import MessageBody
from app.ui.chat.document import CODE_LINE, DocumentWriter
from app.ui.chat.highlight import Highlighter, highlight, plain
from app.ui.chat.markdown import MarkdownStream, parse
from app.ui.icons import Icons
from app.ui.theme import Theme

SAMPLE = """# Title

A *slanted*, **bold** and ~~struck~~ word, `code`, <b>raw html</b> & an &amp; entity.
A second line with [a link](https://example.org) and https://example.org/bare.

![picture](https://example.org/picture.png)

- one
- two
  1. first
  2. second

     a paragraph inside
- three

> quoted
> > deeper

```python
def f(x):
    return "x" * 2  # twice
```

| name | size |
|:-----|-----:|
| a    | **1** |
| b    | 2    |

***

    indented code

5. five
6. six

The end.
"""

FRAGMENTS = st.sampled_from(
    [
        "word ", "**", "*", "`", "```", "```py\n", "\n", "\n\n", "- ", "1. ", "> ", "# ",
        "| a | b |\n", "|---|---|\n", "[x](http://y)", "![i](http://z)", "---\n", "    ", "<p>",
        "&lt;", "🦜", "1", "wörd", ",", " ", "~~", "\\", "***\n", "===\n", "\t", "a_b_c ", "$x$ ",
    ]
)  # fmt: skip


def blocks_in_steps(text: str, step: int) -> list[object]:
    answer, found = Answer(), []
    for end in range(step, len(text), step):
        found += answer.update(text[:end])[0]
    return [*found, *answer.update(text, final=True)[0]]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50, 10_000])
def test_a_growing_text_ends_as_the_whole_text(step: int) -> None:
    assert blocks_in_steps(SAMPLE, step) == blocks_in_steps(SAMPLE, len(SAMPLE) + 1)


@settings(max_examples=300, deadline=None)
@example(parts=["- ", "word ", "word ", "word ", "\n", "word ", "word "], step=3)
@example(parts=["word ", "word ", "[x](http://y)", "word ", "word "], step=2)
@example(parts=["word ", "\n\n", "[a]: ", "word ", "word ", "word "], step=2)  # no definition
@example(parts=["| a | b |\n", "```", "word ", "`"], step=1)  # a fence's name has no backtick
@example(parts=["- ", "word ", "\n", "**"], step=1)  # an empty item begins with one star
@given(parts=st.lists(FRAGMENTS, max_size=25), step=st.integers(1, 9))
def test_any_growing_text_ends_as_the_whole_text(parts: list[str], step: int) -> None:
    text = "".join(parts)
    stream, found = MarkdownStream(), []
    for end in range(step, len(text), step):
        found += stream.update(text[:end]).settled
    found += stream.update(text, final=True).settled
    assert found == parse(text)


def document(theme: Theme, feed: Callable[[Answer, DocumentWriter], None]) -> QTextDocument:
    made = QTextDocument()
    feed(Answer(), DocumentWriter(made, theme))
    return made


def assert_same(one: QTextDocument, other: QTextDocument) -> None:
    assert one.toPlainText() == other.toPlainText()
    first, second = one.begin(), other.begin()
    while first.isValid():
        assert first.blockFormat() == second.blockFormat(), first.text()
        assert [(r.start, r.length) for r in first.textFormats()] == [
            (r.start, r.length) for r in second.textFormats()
        ]
        first, second = first.next(), second.next()
    assert not second.isValid()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(FRAGMENTS, max_size=20), step=st.integers(1, 9))
def test_what_is_drawn_in_steps_is_what_is_drawn_at_once(
    theme: Theme, parts: list[str], step: int
) -> None:
    check_steps(theme, "".join(parts), step)


@pytest.mark.parametrize("step", [1, 4, 31])
def test_the_sample_is_drawn_in_steps_as_at_once(theme: Theme, step: int) -> None:
    check_steps(theme, SAMPLE, step)


def check_steps(theme: Theme, text: str, step: int) -> None:
    def grow(answer: Answer, writer: DocumentWriter) -> None:
        for end in range(step, len(text), step):
            writer.write(*answer.update(text[:end]))
        writer.write(*answer.update(text, final=True))

    def whole(answer: Answer, writer: DocumentWriter) -> None:
        writer.write(*answer.update(text, final=True))

    assert_same(document(theme, grow), document(theme, whole))


def test_the_sample_has_every_kind_of_block() -> None:
    blocks = parse(SAMPLE)
    assert {type(block).__name__ for block in blocks} == {"Paragraph", "Fence", "Table", "Rule"}
    headings = [b for b in blocks if isinstance(b, Paragraph) and b.heading]
    assert headings[0].runs[0].text == "Title"
    markers = [b.marker for b in blocks if isinstance(b, Paragraph) and b.marker]
    assert markers == ["•", "•", "1.", "2.", "•", "5.", "6."]
    table = next(b for b in blocks if isinstance(b, Table))
    assert table.alignments == ("left", "right")
    assert len(table.rows) == 3
    fences = [b for b in blocks if isinstance(b, Fence)]
    assert [(f.language, f.closed) for f in fences] == [("python", True), ("", True)]


def test_html_is_text_and_images_are_links() -> None:
    text = "".join(
        run.text for block in parse(SAMPLE) if isinstance(block, Paragraph) for run in block.runs
    )
    assert "<b>raw html</b>" in text
    assert "& an & entity" in text
    links = [
        (run.text, run.link)
        for block in parse(SAMPLE)
        if isinstance(block, Paragraph)
        for run in block.runs
        if run.link
    ]
    assert ("picture", "https://example.org/picture.png") in links
    assert ("https://example.org/bare", "https://example.org/bare") in links


def test_an_unclosed_fence_is_code_already() -> None:
    fence = parse("```js\nlet x")[0]
    assert isinstance(fence, Fence)
    assert (fence.code, fence.closed) == ("let x", False)
    assert not parse("```")[0].closed  # type: ignore[union-attr]


def test_code_keeps_its_text_whatever_its_language() -> None:
    code = "a = 1\n\n\n  b\t= 'ü🦜'\n"
    for language in ("python", "c++", "no such language", "", "html"):
        lines = highlight(code, language)
        assert "\n".join("".join(run.text for run in line) for line in lines) == code
    assert any(run.syntax == "string" for line in highlight(code, "python") for run in line)
    assert highlight("x" * 200_000, "python") == plain("x" * 200_000)


def test_growing_code_is_highlighted_only_as_often_as_is_cheap() -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.01
        return now

    highlighter = Highlighter(clock)
    place = parse("```py\n```")[0].place
    for lines in range(1, 60):
        code = "x = 1\n" * lines + "y"
        shown = highlighter.lines(Fence(code, "py", place, closed=False), growing=True)
        assert "\n".join("".join(run.text for run in line) for line in shown) == code
    final = highlighter.lines(Fence(code, "py", place, closed=True), growing=False)
    assert final == highlight(code, "py")
    other = highlighter.lines(Fence("z = 2", "py", place, closed=False), growing=True)
    assert "".join(run.text for run in other[0]) == "z = 2"


def test_a_link_definition_that_comes_late_is_honoured(theme: Theme, icons: Icons) -> None:
    host = QWidget()
    body = MessageBody(theme, icons, host)
    text = "see [this]\n\nmore\n\n[this]: https://example.org\n"
    for end in range(len(text)):
        body.set_markdown(text[:end], final=False)
    body.set_markdown(text, final=True)
    assert body.toPlainText() == "see this\nmore"
    host.deleteLater()


def test_the_selection_survives_what_is_added_below(theme: Theme, icons: Icons) -> None:
    host = QWidget()
    body = MessageBody(theme, icons, host)
    body.set_markdown("first paragraph\n\nsecond", final=False)
    cursor = body.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(5, cursor.MoveMode.KeepAnchor)
    body.setTextCursor(cursor)
    body.set_markdown("first paragraph\n\nsecond grows\n\n- and\n- more", final=True)
    assert body.textCursor().selectedText() == "first"
    host.deleteLater()


def test_nothing_is_ever_fetched(
    theme: Theme, icons: Icons, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = QWidget()
    body = MessageBody(theme, icons, host)
    body.set_markdown("![x](https://example.org/a.png) ![y](file:///etc/passwd)", final=True)
    loaded: object = body.loadResource(2, QUrl("file:///etc/passwd"))  # type: ignore[func-returns-value]
    assert loaded is None
    html = body.toHtml()
    assert "<img" not in html
    assert 'href="file' not in html
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    for address in ("https://a.b", "mailto:a@b", "file:///etc/passwd", "javascript:alert(1)"):
        body.anchorClicked.emit(QUrl(address))
    assert opened == ["https://a.b", "mailto:a@b"]
    host.deleteLater()


def test_code_has_its_language_and_a_copy_button_in_its_place(theme: Theme, icons: Icons) -> None:
    host = QWidget()
    host.resize(600, 800)
    body = MessageBody(theme, icons, host)
    body.set_markdown("text\n\n```rust\nfn main() {}\n```\n\n```\nplain\n```\n\nend", final=True)
    body.setGeometry(0, 0, 600, body.content_height(600))
    host.show()
    buttons = body.findChildren(QToolButton, "copyCodeButton")
    assert len(buttons) == 2
    tops = [button.mapTo(body, QPoint(0, 0)).y() for button in buttons]
    assert 0 < tops[0] < tops[1] < body.height()
    for button in buttons:
        assert button.isVisible()
        assert button.mapTo(body, QPoint(button.width(), 0)).x() <= 600
    QTest.mouseClick(buttons[1], Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "plain"
    host.deleteLater()


def test_a_very_long_answer_is_drawn_between_events(theme: Theme, icons: Icons, qtbot) -> None:
    host = QWidget()
    body = MessageBody(theme, icons, host)
    text = "\n\n".join(f"Paragraph {number} " + "word " * 40 for number in range(400))
    body.set_markdown(text, final=True)
    assert len(body.toPlainText()) < len(text) / 2
    qtbot.waitUntil(lambda: "Paragraph 399" in body.toPlainText(), timeout=20_000)
    host.deleteLater()


def test_a_table_is_a_table(theme: Theme) -> None:
    made = document(theme, lambda answer, writer: writer.write(*answer.update(SAMPLE, final=True)))
    tables = [f for f in made.rootFrame().childFrames() if isinstance(f, QTextTable)]
    assert len(tables) == 1
    assert (tables[0].rows(), tables[0].columns()) == (3, 2)
    assert tables[0].cellAt(1, 1).firstCursorPosition().block().text() == "1"
    code = [b for b in _blocks(made) if b.blockFormat().hasProperty(CODE_LINE)]
    assert [b.text() for b in code][:2] == ["def f(x):", '    return "x" * 2  # twice']


def _blocks(made: QTextDocument):
    block = made.begin()
    while block.isValid():
        yield block
        block = block.next()


def test_a_code_line_knows_its_block() -> None:
    blocks = [b for b in blocks_in_steps(SAMPLE, 5) if isinstance(b, CodeLine)]
    assert [b.block for b in blocks] == [0, 0, 1]
    assert [(b.first, b.last) for b in blocks] == [(True, False), (False, True), (True, True)]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", [themes.LIGHT, themes.DARK])
def test_text_and_controls_are_readable(name: str) -> None:
    colours = themes.load(paths.resources() / "themes", name).colours
    grounds = ["window", "surface", "sidebar", "code", "accent_soft", "hover"]
    for ground in grounds:
        assert contrast(colours["text"], colours[ground]) >= 4.5
    for ground in ("window", "surface", "sidebar"):
        assert contrast(colours["muted"], colours[ground]) >= 4.5, ground
    for ground in ("window", "surface"):
        assert contrast(colours["accent"], colours[ground]) >= 4.5, ground
    for role in [key for key in colours if key.startswith("syntax_")]:
        assert contrast(colours[role], colours["code"]) >= 4.5, role
    assert contrast(colours["on_accent"], colours["accent"]) >= 4.5
    assert contrast(colours["danger"], colours["window"]) >= 4.5
    assert contrast(colours["text"], colours["danger_soft"]) >= 4.5
    for ground in ("window", "surface"):
        assert contrast(colours["control"], colours[ground]) >= 3
        assert contrast(colours["accent"], colours[ground]) >= 3


def test_no_colour_is_written_outside_the_theme_file() -> None:
    import re

    root = Path(themes.__file__).parent
    for file in [*root.rglob("*.py"), paths.resources() / "themes" / "hearth.qss"]:
        found = re.findall(r"#[0-9A-Fa-f]{6}\b|rgba?\(", file.read_text(encoding="utf-8"))
        assert not found, file


def test_icons_take_the_themes_colours_and_are_sharp(icons: Icons, theme: Theme) -> None:
    for file in (paths.resources() / "icons").glob("*.svg"):
        icon = icons.get(file.stem, "accent")
        image = icon.pixmap(20, 20).toImage()
        assert not image.isNull()
        assert _painted(image), file.name
    image = icons.get("stop", "accent").pixmap(20, 20).toImage()
    assert image.pixelColor(10, 10).name() == theme.colour("accent").name()


def _painted(image: QImage) -> bool:
    return any(
        image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height())
    )


def test_the_settings_are_peeked_at_without_validation(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    assert themes.peek(file) == ("system", 1.0)
    file.write_text(json.dumps({"appearance": {"theme": "dark", "text_size": 9}}))
    assert themes.peek(file) == ("dark", 2.0)
    file.write_text('{"appearance": {"theme": "dark"}}')  # written by hand
    assert themes.peek(file) == ("dark", 1.0)
    file.write_text('{"appearance": []}')
    assert themes.peek(file) == ("system", 1.0)
    file.write_text("garbage")
    assert themes.peek(file) == ("system", 1.0)
    assert themes.resolve("dark") == "dark"
    assert themes.resolve("system") in ("light", "dark")

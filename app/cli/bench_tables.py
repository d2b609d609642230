"""The tables of `hearth bench`: for a person, and in the Markdown of llama.cpp's benchmark."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from app.cli.bench_rows import Row
from app.library.stores import names

HEADINGS = ("MODEL", "RUNS ON", "THREADS", "TEST", "TOKENS/S", "MEDIAN", "PREDICTED")
NUMBERS = (2, 4, 5, 6)  # the columns that stand at the right
UNKNOWN = "-"
ESTIMATE = "≈"
NOTE = (
    f"{ESTIMATE} is timed from here, as the server does not tell: "
    "a prompt by its first token, an answer by its pieces."
)
ON_CPU = ("CPU", "BLAS", "ZenDNN")  # back ends with which llama.cpp's benchmark tells the threads
KIBI, MILLION = 1024, 1_000_000


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The lines for a person; what has failed has a sentence in the place of its figures."""
    is_predicted = any(row.predicted is not None for row in rows)
    has_figures = any(not row.failure for row in rows)
    count = (len(HEADINGS) if is_predicted else len(HEADINGS) - 1) if has_figures else 2
    lines = [HEADINGS[:count], *(_cells(row)[:count] for row in rows)]
    widths = _widths(lines)
    for row, cells in zip((None, *rows), lines, strict=True):
        if row is not None and row.failure:
            yield _line((*_who(row), names.shown(row.failure)), (*widths[:2], 0))
        else:
            yield _line(cells, widths, NUMBERS)
    yield from _notes(rows)


def aligned(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> Iterator[str]:
    """Rows as lines; the columns in `numbers` stand at the right."""
    widths = _widths(rows)
    for row in rows:
        yield _line(row, widths, numbers)


def markdown(rows: Sequence[Row], *, with_threads: bool = False) -> Iterator[str]:
    """Lines that fit beneath those of llama.cpp's benchmark, byte by byte.

    With `with_threads` their number was given, so that it is told whatever computes.
    Source: tools/llama-bench/llama-bench.cpp, markdown_printer.
    """
    columns = _columns(rows, with_threads=with_threads)
    yield f"| {' | '.join(one.padded(one.title) for one in columns)} |"
    yield f"| {' | '.join(one.rule for one in columns)} |"
    for row in rows:
        cells = (one.cell(row).replace("|", "\\|") for one in columns)
        yield f"| {' | '.join(map(_Column.padded, columns, cells))} |"
    yield from _notes(rows)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of llama.cpp's benchmark."""

    title: str
    width: int
    cell: Callable[[Row], str]
    is_left: bool = False

    @property
    def rule(self) -> str:
        """The line between the title and the values."""
        return "-" * (self.width - 1) + ("-" if self.is_left else ":")

    def padded(self, text: str) -> str:
        """A value as wide as the column."""
        return text.ljust(self.width) if self.is_left else text.rjust(self.width)


def _columns(rows: Sequence[Row], *, with_threads: bool) -> list[_Column]:
    """Which there are depends on the back ends of the llama.cpp in this process."""
    here = [row.place.backend for row in rows if row.place.plan is not None]
    has_gpu = any(not any(sign in backend for sign in ON_CPU) for backend in here)
    columns = [
        _Column("model", 30, _description, is_left=True),
        _Column("size", 10, lambda row: _size(row.place.size)),
        _Column("params", 10, lambda row: _parameters(row.place.parameters)),
        _Column("backend", 10, lambda row: names.shown(row.place.backend), is_left=True),
    ]
    if has_gpu:
        columns.append(_Column("ngl", 3, _gpu_layers))
    if with_threads or not has_gpu:
        columns.append(_Column("threads", 7, lambda row: str(row.threads or "")))
    return [
        *columns,
        _Column("test", 15, lambda row: row.test.name if row.test else ""),
        _Column("t/s", 20, lambda row: names.shown(row.failure) or _rate(row)),
    ]


def _description(row: Row) -> str:
    return names.shown(row.place.description or row.place.name)


def _gpu_layers(row: Row) -> str:
    plan = row.place.plan
    return str(plan.n_gpu_layers) if plan is not None and row.test is not None else ""


def _size(count: int) -> str:
    if not count:
        return ""
    mebi = count / KIBI**2
    return f"{mebi:.2f} MiB" if count < KIBI**3 else f"{mebi / KIBI:.2f} GiB"


def _parameters(count: int) -> str:
    if not count:
        return ""
    millions = count / MILLION
    return f"{millions:.2f} M" if count < 1000 * MILLION else f"{millions / 1000:.2f} B"


def _rate(row: Row) -> str:
    """The mean and its deviation."""
    if row.runs is None:
        return ""
    rate = f"{row.runs.mean:.2f} ± {row.runs.deviation:.2f}"
    return f"{ESTIMATE} {rate}" if row.is_estimate else rate


def _who(row: Row) -> tuple[str, str]:
    return names.shown(row.place.name), names.shown(row.place.device) or UNKNOWN


def _cells(row: Row) -> tuple[str, ...]:
    return (
        *_who(row),
        str(row.threads or UNKNOWN),
        row.test.name if row.test else UNKNOWN,
        _rate(row) or UNKNOWN,
        f"{row.runs.rate:.2f}" if row.runs else UNKNOWN,
        UNKNOWN if row.predicted is None else f"{row.predicted:.2f}",
    )


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    if any(row.is_estimate for row in rows):
        yield ""
        yield NOTE


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The widest cell of each column."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _line(row: Sequence[str], widths: Sequence[int], numbers: Collection[int] = ()) -> str:
    cells = [
        cell.rjust(width) if index in numbers else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()

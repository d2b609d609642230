"""What is kept of a file that has not come whole, and what of it is trusted."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.library.downloads import part_file
from app.library.downloads.part_file import BLOCK, RECORD, PartFile

SIZE = 30 * BLOCK
DATA = random.Random(4).randbytes(SIZE)


@contextmanager
def opened(folder: Path, size: int = SIZE) -> Iterator[PartFile]:
    part = PartFile(folder / "0.part", folder / "0.blocks", size)
    part.open()
    try:
        yield part
    finally:
        part.close()


def fill(part: PartFile, end: int, piece: int = 300_000) -> None:
    """Appends up to `end`."""
    while part.end < end:
        part.append(DATA[part.end : min(end, part.end + piece)])


def damage(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)


def test_what_was_closed_is_there_again_to_the_byte(tmp_path: Path) -> None:
    with opened(tmp_path) as part:
        fill(part, 2 * BLOCK + 77)
    with opened(tmp_path) as part:
        assert part.end == 2 * BLOCK + 77
        fill(part, SIZE)
        assert part.is_whole
    assert (tmp_path / "0.part").read_bytes() == DATA


def test_a_sudden_end_costs_at_most_a_block(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "0.part", tmp_path / "0.blocks", SIZE)
    part.open()
    fill(part, 3 * BLOCK - 1)
    with opened(tmp_path) as again:  # the first one has never been closed
        assert again.end == 2 * BLOCK
        assert (tmp_path / "0.part").stat().st_size == 2 * BLOCK
    part.close()


def test_slow_bytes_are_kept_after_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    part = PartFile(tmp_path / "0.part", tmp_path / "0.blocks", SIZE)
    part.open()
    part.append(DATA[:1000])
    now += 1.1
    part.append(DATA[1000:1500])
    part.append(DATA[1500:1600])
    with opened(tmp_path) as again:
        assert again.end == 1500
    part.close()


def test_a_record_that_was_half_written_is_no_record(tmp_path: Path) -> None:
    with opened(tmp_path) as part:
        fill(part, 3 * BLOCK)
    records = tmp_path / "0.blocks"
    records.write_bytes(records.read_bytes()[:-3])
    with opened(tmp_path) as part:
        assert part.end == 2 * BLOCK
        fill(part, 4 * BLOCK)
    with opened(tmp_path) as part:
        assert part.end == 4 * BLOCK


def test_records_of_bytes_that_never_reached_the_disk_are_dropped(tmp_path: Path) -> None:
    with opened(tmp_path) as part:
        fill(part, 3 * BLOCK)
    with (tmp_path / "0.part").open("r+b") as file:
        file.truncate(BLOCK + 5)
    with opened(tmp_path) as part:
        assert part.end == BLOCK


@pytest.mark.parametrize("block", [29, 20, 14, 13, 0])
def test_damage_near_the_end_is_cut_off(tmp_path: Path, block: int) -> None:
    with opened(tmp_path) as part:
        fill(part, SIZE)
    damage(tmp_path / "0.part", block * BLOCK + 9)
    with opened(tmp_path) as part:
        is_near = block >= 30 - part_file.TAIL
        assert part.end == (block * BLOCK if is_near else SIZE)
        assert list(part.bad_blocks(lambda: False)) == ([] if is_near else [block])


def test_records_that_are_nonsense_end_nothing_but_themselves(tmp_path: Path) -> None:
    (tmp_path / "0.part").write_bytes(DATA[:BLOCK])
    (tmp_path / "0.blocks").write_bytes(RECORD.pack(0, 1) + RECORD.pack(2**31, 5) + b"xy")
    with opened(tmp_path) as part:
        assert part.end == 0
        fill(part, SIZE)
    assert (tmp_path / "0.part").read_bytes() == DATA


def test_more_than_the_whole_is_cut_off(tmp_path: Path) -> None:
    with opened(tmp_path) as part:
        fill(part, 3 * BLOCK)
    with opened(tmp_path, size=2 * BLOCK) as part:
        assert part.end == 2 * BLOCK


def test_a_block_is_rewritten_in_its_place(tmp_path: Path) -> None:
    with opened(tmp_path) as part:
        fill(part, 5 * BLOCK)
        part.rewrite(2, bytes(BLOCK))
        assert part.is_good(2)
        part.rewrite(2, DATA[2 * BLOCK : 3 * BLOCK])
        fill(part, SIZE)
    with opened(tmp_path) as part:
        assert list(part.bad_blocks(lambda: False)) == []
    assert (tmp_path / "0.part").read_bytes() == DATA


def test_seams_are_where_connections_ended(tmp_path: Path) -> None:
    with opened(tmp_path) as part:
        fill(part, 3 * BLOCK)
        part.seal()
        assert list(part.seams()) == []
        fill(part, 3 * BLOCK + 10)
        part.seal()
        fill(part, 6 * BLOCK)
        part.seal()
        assert list(part.seams()) == [3, 4]

"""Tokens become text as they come: characters that are split, spaces that hang on a neighbour."""

import itertools
from collections.abc import Callable, Sequence

import pytest

from app.llm.providers.huggingface.token_text import MARK, MOST_HELD, TokenText

TEXT = "Été — 🦜 🇩🇪 ok"


def byte_level(pieces: Sequence[bytes]) -> Callable[[list[int]], str]:
    """Decodes as GPT-2's tokenizer does: a mark for each part that is no UTF-8."""
    return lambda tokens: b"".join(pieces[token] for token in tokens).decode("utf-8", "replace")


def byte_fallback(pieces: Sequence[bytes]) -> Callable[[list[int]], str]:
    """Decodes as SentencePiece does: a run of bytes counts as text only if all of it is.

    The space before the first word is taken away.
    """

    def decode(tokens: list[int]) -> str:
        text, run = "", b""
        for token in [*tokens, None]:
            piece = None if token is None else pieces[token]
            if piece is not None and len(piece) == 1:
                run += piece
                continue
            try:
                text += run.decode()
            except UnicodeDecodeError:
                text += MARK * len(run)
            text, run = text + (piece or b"").decode(), b""
        return text.removeprefix(" ")

    return decode


def said(decode: Callable[[list[int]], str], count: int, before: Sequence[int] = ()) -> list[str]:
    """What is said of each of `count` tokens, and at the end."""
    text = TokenText(decode, before)
    first = len(before)
    return [*(text.feed(token) for token in range(first, first + count)), text.end()]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("shift", range(5))
def test_characters_are_whole_wherever_tokens_are_cut(size: int, shift: int) -> None:
    data = TEXT.encode()
    cuts = [0, *range(shift or size, len(data), size), len(data)]
    pieces = [data[one:two] for one, two in itertools.pairwise(cuts)]
    told = said(byte_level(pieces), len(pieces))
    assert "".join(told) == TEXT
    assert MARK not in "".join(told)


def test_each_character_comes_with_its_last_byte() -> None:
    pieces = [bytes([byte]) for byte in "aé—🦜b".encode()]
    told = said(byte_level(pieces), len(pieces))
    assert told == ["a", "", "é", "", "", "—", "", "", "", "🦜", "b", ""]


def test_bytes_that_count_only_together_are_waited_for() -> None:
    pieces = [b" The", b" bird", *(bytes([byte]) for byte in "🦜🦜".encode()), b" sings"]
    told = said(byte_fallback(pieces), len(pieces))
    assert "".join(told) == "The bird🦜🦜 sings"
    assert told[:2] == ["The", " bird"]
    assert told[5] == "🦜"
    assert told[9] == "🦜"


def test_the_space_before_the_first_word_belongs_to_a_text_that_goes_on() -> None:
    pieces = [b" Once", b" upon", b" a", b" time"]
    assert said(byte_fallback(pieces), 4) == ["Once", " upon", " a", " time", ""]
    assert said(byte_fallback(pieces), 2, before=(0, 1)) == [" a", " time", ""]


def test_what_is_no_text_is_left_out_and_holds_nothing_up_for_long() -> None:
    pieces = [b"a", b"\xff", b"\xc3", b"b", *[b"\x80"] * (2 * MOST_HELD), b"c"]
    told = said(byte_level(pieces), len(pieces))
    assert "".join(told) == "abc"
    assert told[3] == "b"
    endless = TokenText(byte_level([b"\x80"]))
    assert [endless.feed(0) for _ in range(500)] == [""] * 500
    assert len(endless._tokens) <= 2 * MOST_HELD, "what is decoded again and again stays short"


def test_an_unfinished_character_is_dropped_at_the_end() -> None:
    pieces = [b"ok ", b"\xf0\x9f", b"\xa6"]
    assert said(byte_level(pieces), 3) == ["ok ", "", "", ""]
    assert TokenText(byte_level(pieces)).end() == ""


def test_tokens_without_text_change_nothing() -> None:
    pieces = [b" a", b"", b"", b" b"]
    assert "".join(said(byte_fallback(pieces), 4)) == "a b"

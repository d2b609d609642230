"""The decoders of streams: lines, events and reasoning, cut anywhere."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadReply
from app.llm.providers.wire.lines import Lines
from app.llm.providers.wire.sse import Event, Events
from app.llm.providers.wire.thinking import Thinking

HOSTILE_TEXT = st.lists(
    st.sampled_from(
        ["\n", "\r", "\r\n", "\u2028", "\x85", "\x0b", "data", ":", " ", "é", "🦜", "x"]
    )
    | st.text(max_size=3)
).map("".join)
CUTS = st.lists(st.integers(0, 400), max_size=12)


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The bytes, cut at these places; an empty piece is among them where a place comes twice."""
    places = sorted(min(cut, len(data)) for cut in cuts)
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def lines(*parts: bytes) -> list[str]:
    decoder = Lines()
    return [line for part in parts for line in decoder.feed(part)] + decoder.end()


def events(*parts: bytes) -> list[Event]:
    decoder = Events()
    return [event for part in parts for event in decoder.feed(part)] + decoder.end()


@given(text=HOSTILE_TEXT, cuts=CUTS)
def test_lines_are_the_same_wherever_the_network_cuts(text: str, cuts: list[int]) -> None:
    data = text.encode("utf-8", "replace")
    expected = data.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    whole = expected.split("\n")
    if not whole[-1] and data != "\ufeff".encode():
        whole.pop()
    assert lines(*pieces(data, cuts)) == lines(data) == whole


def test_lines_end_at_line_ends_alone() -> None:
    assert lines('{"a":"\u2028\x0b\x0c\x85\u2029"}\nb'.encode()) == [
        '{"a":"\u2028\x0b\x0c\x85\u2029"}',
        "b",
    ]
    assert lines(b"a\r", b"\nb\r", b"c\n", b"\n", b"d") == ["a", "b", "c", "", "d"]


def test_the_byte_order_mark_is_no_text_and_only_the_first_one_is_one() -> None:
    mark = "\ufeff".encode()
    assert lines(mark[:1], mark[1:] + b"a\n" + mark + b"b\n") == ["a", "\ufeffb"]


def test_bytes_that_are_no_utf8_become_marks_and_spoil_nothing_else() -> None:
    assert lines(b"a\xffb\n\xc3\nc\n") == ["a\ufffdb", "\ufffd", "c"]


def test_a_line_of_ten_megabytes_is_read() -> None:
    line = b"x" * 10_000_000
    parts = [line[at : at + 65_536] for at in range(0, len(line), 65_536)]
    (read,) = lines(*parts, b"\n")
    assert len(read) == len(line)


@pytest.mark.parametrize("parts", [[b"12345\n"], [b"12", b"34", b"5\n"], [b"1\n12345"]])
def test_a_line_that_does_not_end_is_refused_however_it_is_cut(parts: list[bytes]) -> None:
    decoder = Lines("Ollama", longest=4)
    for part in parts[:-1]:
        decoder.feed(part)
    with pytest.raises(BadReply, match="Ollama") as caught:
        decoder.feed(parts[-1])
    assert caught.value.provider == "Ollama"
    assert caught.value.remedy


@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(["", "error", "message"]),
            st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])).map(
                lambda text: text + "\nsecond"
            ),
        )
    ),
    cuts=CUTS,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    space=st.sampled_from(["", " "]),
)
def test_events_come_out_as_they_were_sent(
    said: list[tuple[str, str]], cuts: list[int], end: str, space: str
) -> None:
    sent = [": keep-alive", "", "id: 1", "retry: 5"]
    for name, data in said:
        sent += [f"event:{space}{name}"] if name else []
        sent += [f"data: {line}" for line in data.split("\n")]  # with a space of its own
        sent += [": OPENROUTER PROCESSING", ""]
    stream = end.join([*sent, ""]).encode()
    assert events(*pieces(stream, cuts)) == [Event(name, text) for name, text in said]


def test_events_may_come_without_a_space_and_without_an_end() -> None:
    assert events(b"data:1\n\ndata: 2") == [Event("", "1"), Event("", "2")]
    assert events(b"data:  two spaces\n\n") == [Event("", " two spaces")]
    assert events(b"event: ping\n\ndata: 1\n\n") == [Event("", "1")], "a name alone is no event"


THOUGHTS = st.lists(
    st.sampled_from(["<think>", "</think>", "<th", "</", ">", "<", "\n", " ", "so", "hm"]),
    max_size=10,
).map("".join)


def split_at_once(text: str) -> tuple[str, str]:
    """What `Thinking` is to say of a whole text."""
    lead = text.lstrip()
    if not lead.startswith("<think>"):
        return "", text
    reasoning, _, rest = lead.removeprefix("<think>").partition("</think>")
    return reasoning, rest.lstrip("\n")


@given(text=THOUGHTS, cuts=st.lists(st.integers(0, 40), max_size=8))
def test_reasoning_is_split_off_wherever_the_tags_are_cut(text: str, cuts: list[int]) -> None:
    thinking = Thinking()
    parts = [part.decode() for part in pieces(text.encode(), cuts)]
    said = [*(thinking.feed(part) for part in parts), thinking.end()]
    joined = "".join(split.reasoning for split in said), "".join(split.text for split in said)
    assert joined == split_at_once(text)


def test_reasoning_and_text_are_not_held_back_longer_than_a_tag_may_last() -> None:
    thinking = Thinking()
    assert thinking.feed("<think>I see") == ("I see", "")
    assert thinking.feed(" </th") == (" ", "")
    assert thinking.feed("at") == ("</that", "")
    assert Thinking().feed("Hi <think>") == ("", "Hi <think>")

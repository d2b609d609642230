"""The runner's pure parts: text from tokens, the KV prefix, the abort flag, the mailbox."""

import asyncio
import threading

from hypothesis import given
from hypothesis import strategies as st

from app.llm.runner import kv_prefix
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.mailbox import Mailbox
from app.llm.runner.text_stream import TextStream

VOCABULARY = dict(enumerate([b"a", b"b", b"c", b"ab", b"bc", b"abc", b"<s>", b"\n"]))


def feed(stream: TextStream, pieces: list[bytes]) -> str:
    return "".join(stream.feed(piece) for piece in pieces) + stream.close()


@given(text=st.text(), cut=st.integers(1, 5))
def test_characters_survive_being_split(text: str, cut: int) -> None:
    data = text.encode("utf-8", "ignore")
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    assert feed(TextStream(), pieces) == data.decode()


def test_an_unfinished_character_is_never_shown() -> None:
    assert feed(TextStream(), ["🦜".encode()[:3]]) == ""
    assert feed(TextStream(), [b"\xff", b"ok", b"\xc3"]) == "ok"


@given(text=st.text("ab\n", max_size=30), stop=st.text("ab\n", min_size=1, max_size=4))
def test_a_stop_string_ends_the_text_however_it_is_split(text: str, stop: str) -> None:
    for cut in (1, 2, 3, 7):
        stream = TextStream([stop])
        data = text.encode()
        shown = feed(stream, [data[at : at + cut] for at in range(0, len(data), cut)])
        assert shown == text.partition(stop)[0]
        assert stream.stopped == (stop in text)


def test_the_first_of_several_stop_strings_counts() -> None:
    assert feed(TextStream(["\nUser:", "\nSystem:"]), [b"Hi\nSyst", b"em: x\nUser: y"]) == "Hi"


def test_trims_the_space_that_belongs_to_the_form() -> None:
    assert feed(TextStream(trim_start=True), [b" ", b"\n", b" Hi ", b" you"]) == "Hi  you"


@given(
    cached=st.lists(st.sampled_from(list(VOCABULARY)), max_size=12),
    prompt=st.lists(st.sampled_from(list(VOCABULARY)), max_size=12),
)
def test_reuse_keeps_the_prompts_bytes(cached: list[int], prompt: list[int]) -> None:
    tokens, kept = kv_prefix.reuse(cached, prompt, VOCABULARY.__getitem__)
    assert b"".join(map(VOCABULARY.get, tokens)) == b"".join(map(VOCABULARY.get, prompt))  # type: ignore[arg-type]
    assert tokens[:kept] == cached[:kept]


@given(
    answer=st.lists(st.sampled_from(list(VOCABULARY)), max_size=12),
    rest=st.lists(st.sampled_from(list(VOCABULARY)), max_size=6),
)
def test_reuse_keeps_an_answer_that_is_tokenised_otherwise(
    answer: list[int], rest: list[int]
) -> None:
    single = {piece: number for number, piece in VOCABULARY.items() if len(piece) == 1}
    spelt = [single.get(bytes([byte])) for token in answer for byte in VOCABULARY[token]]
    if None in spelt:  # "<s>" has no spelling
        return
    again = [token for token in spelt if token is not None]
    tokens, kept = kv_prefix.reuse(answer, [*again, 6, *rest], VOCABULARY.__getitem__)
    assert kept >= len(answer)
    assert tokens[: len(answer)] == answer


def test_the_abort_flag_is_seen_by_native_code() -> None:
    flag = AbortFlag()
    assert not flag.is_set()
    assert flag.callback(flag.data) is False
    flag.set()
    assert flag.is_set()
    assert flag.callback(flag.data) is True
    flag.clear()
    assert flag.callback(flag.data) is False


async def test_the_mailbox_delivers_everything_in_order_from_another_thread() -> None:
    box: Mailbox[int] = Mailbox(asyncio.get_running_loop())

    def fill() -> None:
        for number in range(20_000):
            box.put(number)
        box.close()
        box.put(-1)

    thread = threading.Thread(target=fill)
    thread.start()
    received: list[int] = []
    batches = 0
    while items := await box.take():
        received += items
        batches += 1
    thread.join()
    assert received == list(range(20_000))
    assert batches < 20_000
    assert await box.take() == []

"""Reading everything at once: garbage, hanging tools, the fingerprint."""

import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.llm.optimizer.machine import reading, values
from app.llm.optimizer.machine.questions import Question, ask
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.llm.optimizer.machine.tools import SystemTools
from tests.fakes.machines import CapturedTools, Machine, cards, macs, personal, servers
from tests.fakes.machines.windows_laptop import windows_laptop

NESTED = '{"a":' * 3000
ODD = (
    "",
    "\0",
    "-1",
    "0",
    "9" * 30,
    "1e999",
    "²",
    "٣",
    "0-99999999",
    "5-1",
    NESTED,
    "{",
    "a: b",
    "=",
)
SOME = [
    personal.hybrid_laptop(), personal.steam_deck(), personal.raspberry_pi(), cards.amd_box(),
    cards.intel_arc(), cards.outdated_nvidia(), servers.container_v1(), servers.container_v2(),
    macs.apple_silicon(), macs.intel_mac(), windows_laptop(),
]  # fmt: skip

garbage = st.one_of(
    st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "replace")),
    st.sampled_from(ODD),
    st.text(max_size=40),
)


def spoilt(text: str, waste: str, at: int) -> str:
    """The text with something put over a part of it, or in its place."""
    if at % 3 == 0 or not text:
        return waste
    place = at % len(text)
    return text[:place] + waste + (text[place + len(waste) :] if at % 3 == 1 else "")


@settings(max_examples=30, deadline=None)
@given(
    machine=st.sampled_from(SOME),
    seed=st.randoms(use_true_random=False),
    waste=st.lists(garbage, min_size=1, max_size=8),
    share=st.sampled_from([0.05, 0.3, 1.0]),
)
def test_garbage_is_unknown_and_never_an_error(machine, seed, waste, share) -> None:
    def spoil(found: dict[str, str]) -> dict[str, str]:
        return {
            name: spoilt(text, seed.choice(waste), seed.randrange(10_000))
            if seed.random() < share
            else text
            for name, text in found.items()
        }

    calls = replace(machine.calls, information=waste[0].encode())
    bad = Machine(machine.system, spoil(few(machine)), spoil(dict(machine.outputs)), calls)
    with tempfile.TemporaryDirectory() as folder:
        found = bad.read(Path(folder))
    assert isinstance(found, Computer)
    assert found.fingerprint()
    usable = found.processor.usable_cores
    assert usable is None or usable >= 1
    for count in (
        found.memory.total,
        found.memory.usable_available,
        *(g.total for g in found.gpus),
    ):
        assert count is None or count >= 0


def few(machine: Machine) -> dict[str, str]:
    """The files but for most processors, of which one tree has hundreds."""
    return {
        name: text
        for name, text in machine.files.items()
        if not re.search(r"/(cpu|policy)([1-7]|[0-9]{2,})/", name)
    }


def test_every_odd_thing_in_every_file(tmp_path: Path) -> None:
    names = {name for machine in SOME for name in few(machine)}
    tools = {name for machine in SOME for name in machine.outputs}
    for index, odd in enumerate(ODD):
        tree = Machine(files=dict.fromkeys(names, odd), outputs=dict.fromkeys(tools, odd))
        assert tree.read(tmp_path / str(index)).gpus == (), odd


def test_a_tool_that_hangs_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    machine = cards.two_nvidia()
    tools = CapturedTools(machine.outputs, delay=60)
    began = time.monotonic()
    found = reading.read(
        tools, machine.calls, root=machine.lay(tmp_path), system="linux", seconds=0.5
    )
    assert time.monotonic() - began < 10, "not the minute that the tools would take"
    assert found.processor.physical_cores == 24, "what needs no tool is there"
    assert [gpu.total for gpu in found.gpus] == [None, None]
    assert {command[0] for command in tools.asked} == {"nvidia-smi", "rocm-smi", "vulkaninfo"}


def test_a_reader_that_hangs_itself_is_left_behind() -> None:
    gate = threading.Event()
    slow = Question("slow", lambda: str(gate.wait(60)), "unknown")
    quick = Question("quick", lambda: "known", "unknown")
    ask((slow, quick), 0.1)
    assert (slow.answer, quick.answer) == ("unknown", "known")
    gate.set()


def test_a_reader_that_fails_leaves_the_answer_unknown() -> None:
    def failing(error: Exception) -> Callable[[], str]:
        def read() -> str:
            raise error

        return read

    questions = [
        Question("broken", failing(error), "unknown")
        for error in (OSError("gone"), ValueError("odd"), OverflowError("large"))
    ]
    ask(questions, 5)
    assert [question.answer for question in questions] == ["unknown"] * 3


def test_this_computer_is_read() -> None:
    found = reading.read()
    assert found.processor.usable_cores
    assert found.memory.total
    assert found.surroundings.system
    assert found.fingerprint() == reading.read().fingerprint()


def test_a_tool_is_run_for_what_it_prints_whatever_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "teller"
    tool.write_text("#!/bin/sh\necho $LC_ALL $1; echo trouble >&2; exit 18\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert SystemTools().run(("teller", "word"), 20) == "C word\n"
    assert SystemTools().run(("no-such-tool",), 20) is None


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_tool_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "sleeper"
    tool.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert SystemTools().run(("sleeper",), 0.5) is None
    pid = (tmp_path / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


def test_the_fingerprint_follows_what_decides_the_speed() -> None:
    card = Gpu("GeForce", "NVIDIA", driver="550.1", hardware="10de:2204", free=3)
    plain = Computer(Processor("Chip", physical_cores=8), Memory(16 << 30), (card,))

    def other(**changes: object) -> str:
        return replace(plain, **changes).fingerprint()  # type: ignore[arg-type]

    same = plain.fingerprint()
    assert len(same) == 16
    assert same == other(gpus=(replace(card, free=1, is_usable=True, name="NVIDIA GeForce"),))
    assert same == other(memory=Memory((16 << 30) - (50 << 20), available=5))
    assert same == other(processor=Processor("Chip", physical_cores=8, governor="powersave"))
    assert same != other(gpus=(replace(card, driver="560.2"),))
    assert same != other(gpus=())
    assert same != other(memory=Memory(32 << 30))
    assert same != other(processor=Processor("Chip", physical_cores=8, quota=2.0))
    assert same != other(processor=Processor("Chip", physical_cores=6))


@pytest.mark.parametrize(
    ("written", "cpus"),
    [
        ("0-3,8,10-11", {0, 1, 2, 3, 8, 10, 11}),
        ("0", {0}),
        ("", None),
        ("3-1", None),
        ("0-9999999", None),
        ("a,b", None),
        ("1,,2", None),
    ],
)
def test_lists_of_cpus(written: str, cpus: set[int] | None) -> None:
    assert values.cpu_list(written) == cpus


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12", 12),
        (" 0 ", 0),
        (7, 7),
        ("-1", None),
        ("٣", None),
        ("²", None),
        (True, None),
        ("9" * 30, None),
        (10**30, None),
        (None, None),
        ("", None),
        (1.5, None),
    ],
)
def test_whole_numbers(written: object, number: int | None) -> None:
    assert values.number(written) == number


def test_json_that_is_nested_without_end_holds_nothing() -> None:
    assert values.json_object(NESTED) == {}
    assert values.json_object('warning\n{"card0": {}} and more') == {"card0": {}}


def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    assert values.text(tmp_path / "a\0b") == ""
    assert values.children(tmp_path / "a\0b", "*") == []


@pytest.mark.parametrize(
    ("written", "size"),
    [("48K", 48 << 10), ("8 GB", 8 << 30), ("2048.00M", 2 << 30), ("7 apples", None), (5, None)],
)
def test_sizes(written: object, size: int | None) -> None:
    assert values.size(written) == size

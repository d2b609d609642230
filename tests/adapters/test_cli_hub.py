"""`hearth models search` and `pull` as people run them, against a Hub on loopback."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adapters.downloading import CDN, MIB, sha256, starts
from tests.adapters.hub_use import TINY, TOKEN, add_tiny
from tests.adapters.test_cli import Result, hearth
from tests.fakes import gguf_small
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault, Rule
from tests.fakes.hub.server import FakeHub

Run = Callable[..., Result]
PATIENCE = 60.0  # seconds; only a test that fails waits for so long
BIG = "someone/Big-GGUF"
BIG_FILE = "Big-Q4_K_M.gguf"
LARGE = 12_000  # bytes from which on the Hub keeps a hash


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(fake: FakeHub, home: Path) -> Run:
    def with_hub(*arguments: object, **environment: str) -> Result:
        return hearth(home, "models", *arguments, HF_ENDPOINT=fake.url, **environment)

    return with_hub


def content(path: Path) -> Content:
    """A real file of at least LARGE bytes."""
    data = path.read_bytes()
    return Content(max(len(data), LARGE), head=data)


class Pull:
    """A pull of the big model that goes on while the test does something."""

    def __init__(self, fake: FakeHub, home: Path, stderr: int = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "models", "pull", BIG],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "HEARTH_HOME": str(home), "HF_ENDPOINT": fake.url},
        )
        self._home = home

    def wait_for(self, size: int) -> None:
        """Until so many bytes have come."""
        end = time.monotonic() + PATIENCE
        while sum(part.stat().st_size for part in self._parts()) < size:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)

    def _parts(self) -> list[Path]:
        return list(self._home.glob("models/.hearth-downloads/*/0.part"))


@pytest.fixture
def slowly(fake: FakeHub, tiny: Path) -> Rule:
    """Has the big model come slowly, until `times` is 0."""
    fake.add(BIG, {BIG_FILE: Content(6 * MIB, seed=2, head=tiny.read_bytes())})
    return fake.misbehave(Fault(rate=2 * MIB), side=CDN, times=None)


def test_a_search_lists_repositories(fake: FakeHub, run: Run, tiny: Path) -> None:
    add_tiny(
        fake, tiny, is_gated=True, about={"downloads": 12_345, "tags": ["gguf", "license:mit"]}
    )
    fake.add("other/Tiny-2-GGUF", {"Tiny-2-Q8_0.gguf": Content(LARGE)}, about={"downloads": 99_999})
    done = run("search", "tiny")
    assert done.returncode == 0
    assert done.stdout == (
        f"other/Tiny-2-GGUF\t100 K downloads\n{TINY}\tmit · 12 K downloads · terms to accept\n"
    )
    assert done.stderr == ""
    [one] = json.loads(run("search", "--json", "--limit", 1, "tiny").stdout)
    assert (one["id"], one["downloads"], one["gated"]) == ("other/Tiny-2-GGUF", 99_999, False)
    nothing = run("search", "no", "such", "model")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "Nothing was found." in nothing.stderr


def test_a_pull_ends_in_a_model_that_is_known_by_its_repository(
    fake: FakeHub, run: Run, home: Path, tiny: Path
) -> None:
    add_tiny(fake, tiny)
    done = run("pull", TINY)
    target = home / "models" / TINY / "Tiny-Q8_0.gguf"
    assert (done.returncode, done.stdout) == (0, f"{target}\n"), done.stderr
    assert "Tiny-Q8_0, " in done.stderr
    assert re.search(r"Fits: it needs [\d.]+ MB with \d+ tokens of context, and ", done.stderr)
    assert "come whole" in done.stderr
    assert not {"\r", "\033", "%"} & set(done.stderr), "nobody looks at the progress"
    assert target.read_bytes() == tiny.read_bytes()
    fetched = len(starts(fake))
    again = run("pull", f"hf.co/{TINY}:q8_0", "--json")
    assert json.loads(again.stdout) == {
        "name": "Tiny-Q8_0",
        "repo": TINY,
        "revision": fake.repos[TINY].head,
        "quantisation": "Q8_0",
        "files": [str(target)],
        "size": tiny.stat().st_size,
    }
    assert "here already" in again.stderr
    assert len(starts(fake)) == fetched, "it is not fetched twice"
    assert run("verify", TINY).stdout == f"good\t{target}\n"
    assert run("rm", "--yes", f"{TINY}:Q8_0").returncode == 0
    assert not target.exists()


def test_what_is_there_is_listed_and_a_wrong_name_is_answered_with_it(
    fake: FakeHub, run: Run, tiny: Path
) -> None:
    add_tiny(fake, tiny)
    files = {"Tiny-Q4_0.gguf": Content(LARGE), "Tiny-Q4_K_M.gguf": Content(LARGE + 1)}
    fake.repos[TINY].publish(files)
    listed = run("pull", TINY, "--list")
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == [
        "Tiny-Q4_0", "Tiny-Q4_K_M", "mmproj-Tiny-f16", "Tiny-Q8_0",
    ]  # fmt: skip
    assert "Tiny-Q4_0\tQ4_0 · 12.0 kB · fits\n" in listed.stdout
    known = json.loads(run("pull", TINY, "--list", "--json").stdout)
    assert [(one["quantisation"], one["kind"]) for one in known[:2]] == [
        ("Q4_0", "chat"), ("Q4_K_M", "chat"),
    ]  # fmt: skip
    wrong = run("pull", f"{TINY}:Q5_K_M")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "It has Tiny-Q4_0, Tiny-Q4_K_M, mmproj-Tiny-f16, Tiny-Q8_0." in wrong.stderr
    unclear = run("pull", TINY, "*q4*")
    assert (unclear.returncode, unclear.stdout) == (2, "")
    assert run("pull", "tiny").returncode == 2
    assert run("pull", f"{TINY}:Q4_0", "Q8_0").returncode == 2


def test_a_header_tells_before_the_download_what_the_size_does_not(
    fake: FakeHub, run: Run, tmp_path: Path
) -> None:
    deep = gguf_small.model(
        tmp_path / "deep.gguf",
        llama__embedding_length=65_536,
        llama__block_count=2_000,
        llama__attention__head_count=512,
        llama__context_length=131_072,
    )
    fake.add("someone/Deep-GGUF", {"Deep-Q4_0.gguf": content(deep)})
    listed = run("pull", "someone/Deep-GGUF", "--list")
    assert "Deep-Q4_0\tQ4_0 · 12.0 kB · too large for this computer\n" in listed.stdout
    [known] = json.loads(run("pull", "someone/Deep-GGUF", "--list", "--json").stdout)
    assert known["fits"] == "never"
    done = run("pull", "someone/Deep-GGUF")
    assert done.returncode == 0, "it is fetched all the same"
    assert "Too large: it needs at least " in done.stderr


def test_a_split_model_comes_with_all_its_parts(
    fake: FakeHub, run: Run, home: Path, tmp_path: Path
) -> None:
    parts = gguf_small.split(tmp_path / "parts", "Wide-Q8_0", 2, "Wide")
    fake.add("someone/Wide-GGUF", {path.name: content(path) for path in parts})
    done = run("pull", "someone/Wide-GGUF", "*q8*")
    folder = home / "models" / "someone" / "Wide-GGUF"
    assert done.stdout == f"{folder / parts[0].name}\n", done.stderr
    checked = json.loads(run("verify", "Wide", "--json").stdout)
    assert [(one["file"], one["state"]) for one in checked] == [
        (str(folder / path.name), "good") for path in parts
    ]
    (folder / parts[1].name).unlink()
    lacking = run("verify", "Wide")
    assert lacking.returncode == 1
    assert "1 of its 2 parts is missing" in lacking.stdout


def test_odd_names_are_kept_and_bad_ones_refused(
    fake: FakeHub, run: Run, home: Path, tiny: Path
) -> None:
    name = "Ünder “quotes” & 100% #1 🦜-Q4_K_M.gguf"
    fake.add("someone/Odd", {name: content(tiny), "a:b-Q8_0.gguf": content(tiny)})
    done = run("pull", "someone/Odd:Q4_K_M")
    assert done.stdout == f"{home / 'models' / 'someone' / 'Odd' / name}\n", done.stderr
    refused = run("pull", "someone/Odd:Q8_0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "a file of that name is not made" in refused.stderr


def test_killed_in_the_middle_the_same_command_goes_on(
    fake: FakeHub, run: Run, home: Path, slowly: Rule, tiny: Path
) -> None:
    first = Pull(fake, home)
    first.wait_for(2 * MIB)
    first.process.kill()
    assert first.process.communicate()[0] == ""
    add_tiny(fake, tiny)
    assert run("pull", TINY).returncode == 0, "another model does not wait for it"
    slowly.times = 0
    fake.received.clear()
    done = run("pull", BIG)
    assert done.returncode == 0, done.stderr
    _, *fetched = starts(fake)  # the header is read before
    assert min(fetched) >= MIB, "what had come was kept"
    assert sha256(Path(done.stdout.strip())) == fake.repos[BIG].files()[BIG_FILE].sha256


def test_ctrl_c_says_that_the_same_command_goes_on(
    fake: FakeHub, run: Run, home: Path, slowly: Rule
) -> None:
    leader, follower = pty.openpty()
    first = Pull(fake, home, stderr=follower)
    os.close(follower)
    first.wait_for(MIB)
    first.process.send_signal(signal.SIGINT)
    output, _ = first.process.communicate(timeout=PATIENCE)
    seen = _read_all(leader)
    assert (first.process.returncode, output) == (130, "")
    assert "% · " in seen, "on a terminal there is progress"
    assert seen.endswith("Stopped. The same command goes on where it stopped.\r\n")
    slowly.times = 0
    assert run("pull", BIG).returncode == 0


def test_two_that_fetch_the_same_wait_for_each_other(
    fake: FakeHub, home: Path, slowly: Rule
) -> None:
    slowly.times = 0
    # However long the second takes to start, the first is still at it then.
    fake.misbehave(Fault(rate=MIB // 10), side=CDN, after=1)  # the header is read before
    first = Pull(fake, home)
    first.wait_for(1)
    second = Pull(fake, home)
    assert second.process.stderr is not None
    while "Another Hearth is fetching this model" not in (line := second.process.stderr.readline()):
        assert line, "the second ended"
    fake.disconnect()
    (one, _), (other, _) = (each.process.communicate(timeout=PATIENCE) for each in (first, second))
    assert one == other
    assert Path(one.strip()).is_file()


def test_a_gated_repository_wants_a_token(fake: FakeHub, run: Run, tiny: Path) -> None:
    add_tiny(fake, tiny, is_gated=True)
    fake.tokens.add(TOKEN)
    fake.granted.add(TOKEN)
    refused = run("pull", TINY, HF_TOKEN=TOKEN)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "only for those who have accepted its terms" in refused.stderr
    assert "add --hf-token" in refused.stderr
    assert not any(request.token for request in fake.received), "it is not taken in silence"
    assert TOKEN not in refused.stderr
    assert run("pull", TINY, "--hf-token").returncode == 2
    done = run("pull", TINY, "--hf-token", HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert not any(request.token for request in fake.requests(CDN)), "the other host never sees it"


def test_what_is_not_there_and_who_does_not_answer(
    run: Run, home: Path, closed_url: str, tiny: Path
) -> None:
    missing = run("pull", "nobody/Nothing-GGUF")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "has no repository “nobody/Nothing-GGUF”, or it is private." in missing.stderr
    for action in (["pull", TINY], ["search", "tiny"]):
        silent = hearth(home, "models", *action, "--json", HF_ENDPOINT=closed_url)
        assert (silent.returncode, silent.stdout) == (1, "")
        assert "cannot be reached" in silent.stderr
        assert len(silent.stderr.splitlines()) == 2, "a sentence and its remedy"
    offline = run("pull", TINY, HF_HUB_OFFLINE="1")
    assert offline.returncode == 1
    assert "HF_HUB_OFFLINE is set" in offline.stderr


def _read_all(descriptor: int) -> str:
    seen = b""
    try:
        while piece := os.read(descriptor, 4096):
            seen += piece
    except OSError:  # the other side has gone
        pass
    os.close(descriptor)
    return seen.decode()

"""`hearth models` where names, files and terminals are odd, and where the person stops it."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.__main__ import main
from tests.adapters.library_use import OllamaStore, hub_file
from tests.adapters.test_cli import Result, hearth
from tests.adapters.test_cli_models import Home
from tests.fakes import gguf_small

SIZE = 20_000_000_000  # bytes of a file with nothing in it, which take long to read
ACTING = set(map(chr, (*range(9), *range(11, 32), *range(127, 160)))) | {"\u202e", "\u2028"}


class QuickHome(Home):
    """Runs commands in this process, which is quicker."""

    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: object, stdin: str = "") -> Result:
        sys.stdin = io.StringIO(stdin)
        given = ["models", *map(str, arguments), "--home", str(self.data)]
        code = main(given)
        return Result(given, code, *self.capture.readouterr())


@pytest.fixture
def home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Home:
    home = QuickHome(tmp_path)
    home.capture = capsys
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    monkeypatch.setenv("HOME", str(home.person))
    home.settings(providers={"discover": False})
    return home


@contextmanager
def started(home: Home, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "models", *arguments, "--home", str(home.data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(home.person)},
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    return process.returncode, said


def test_what_a_stranger_wrote_moves_no_cursor(home: Home) -> None:
    odd = "x\x1b]0;t\x07 \x9b31m\u202eend"
    made = gguf_small.model(
        home.models / "evil\x1b[31m\nname.gguf", odd, my__key=odd, general__license=odd
    )
    shutil.copy(made, home.models / f"{odd}.gguf")
    store = OllamaStore(home.person / ".ollama" / "models")
    layers = {"model": store.blob(b"no model"), "template": store.blob(f"{odd}\n\tsecond line")}
    store.manifest("registry.ollama.ai/library/w/1b", {**layers, "license": store.blob(odd)})
    broken = home.models / "cut\x1b[31m.gguf"
    broken.write_bytes(made.read_bytes()[:100])
    name = "x ]0;t 31m end"
    for action in (
        ["list"],
        ["verify"],
        ["dedupe"],
        ["rm", made],
        ["info", made],
        ["info", broken],
        ["rm", odd],
    ):
        done = home.run(*action)
        assert ACTING.isdisjoint(done.stdout + done.stderr), action
    assert f"Licence       {name}\n" in home.run("info", made).stdout
    listed = json.loads(home.run("list", "--json").stdout)
    assert {one["licence"] for one in listed if one["path"] != one["ref"]} >= {name}
    assert str(made) in {one["path"] for one in listed}, "JSON has names as they are"


def test_a_terminal_without_letters_for_a_name_gets_question_marks(home: Home) -> None:
    gguf_small.model(home.models / "日本.gguf", "日本")
    done = hearth(home.data, "models", "list", HOME=str(home.person), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "\n??\t" in done.stdout


def test_a_name_of_the_list_counts_before_names_of_files(home: Home) -> None:
    gguf_small.model(home.models / "foo.gguf", "Bar")
    gguf_small.model(home.models / "other.gguf", "foo")
    assert json.loads(home.run("info", "foo", "--json").stdout)["name"] == "foo"
    assert json.loads(home.run("info", "FOO", "--json").stdout)["name"] == "foo"
    assert json.loads(home.run("info", "foo.gguf", "--json").stdout)["name"] == "Bar"


def test_letters_are_alike_however_they_are_composed(home: Home) -> None:
    gguf_small.model(home.models / "m.gguf", unicodedata.normalize("NFD", "Café"))
    assert home.run("info", unicodedata.normalize("NFC", "CAFÉ")).returncode == 0


def test_paths_lead_where_their_links_lead(home: Home) -> None:
    file = gguf_small.model(home.models / "deep" / "m.gguf", "M")
    (home.data / "short").symlink_to(home.models / "deep")
    wrong = gguf_small.model(home.data / "m.gguf", "Wrong")
    right = gguf_small.model(home.models / "m.gguf", "Right")
    through = home.data / "short" / ".." / "m.gguf"
    done = home.run("rm", "--yes", through, home.data / "short" / "m.gguf")
    assert (done.returncode, done.stderr.count("would be freed")) == (0, 2)
    assert [path.exists() for path in (file, right, wrong)] == [False, False, True]


@pytest.mark.parametrize("text", ["~nobody-of-that-name/m.gguf", "x" * 5000, "/" + "y/" * 2500])
def test_what_cannot_be_a_path_is_a_name_that_nobody_has(home: Home, text: str) -> None:
    for action in ("info", "rm", "verify"):
        done = home.run(action, text)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("hearth: ")


def test_info_of_a_path_in_the_library_says_all_that_is_known(home: Home) -> None:
    made = gguf_small.model(home.data / "c.gguf", "Cached")
    link = hub_file(home.cache, "someone/Cached-GGUF", "c.gguf", made)
    home.settings(models={"names": {str(link): "Mine"}}, providers={"discover": False})
    told = home.run("info", link).stdout
    assert told.splitlines()[0].split() == ["Name", "Mine"]
    assert "Belongs to    Hugging Face" in told
    assert "Came from     someone/Cached-GGUF" in told


def test_a_shared_projector_goes_with_the_last_of_its_models(home: Home) -> None:
    folder = home.models / "repo"
    for name in ("Q4_0", "Q8_0"):
        gguf_small.model(folder / f"m-{name}.gguf", f"M {name}")
    projector = gguf_small.projector(folder / "mmproj-m.gguf")
    done = home.run("rm", "--yes", "--json", projector, "M Q4_0", "M Q8_0")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["deleted"]) == 3
    assert list(folder.iterdir()) == []


def test_a_file_that_is_not_whole_is_not_said_to_have_parts(home: Home) -> None:
    (home.models / "zero.gguf").write_bytes(b"")
    (line,) = (one for one in home.run("list").stdout.splitlines() if one.startswith("zero"))
    assert "not complete" in line
    assert "parts" not in line


def test_dedupe_says_whose_each_file_is(home: Home) -> None:
    file = gguf_small.model(home.models / "m.gguf", "M")
    theirs = home.person / ".lmstudio" / "models" / "a" / "b" / "m.gguf"
    theirs.parent.mkdir(parents=True)
    shutil.copy(file, theirs)
    assert f"  {file}\n  {theirs}\tLM Studio\n" in home.run("dedupe").stdout
    (twice,) = json.loads(home.run("dedupe", "--json").stdout)
    assert (twice["files"], twice["programs"]) == ([str(file), str(theirs)], ["", "LM Studio"])


def test_verify_names_a_file_once(home: Home) -> None:
    file = gguf_small.model(home.models / "m.gguf", "M")
    assert home.run("verify", "M", file, "m.gguf").stdout.count(str(file)) == 1
    store = OllamaStore(home.person / ".ollama" / "models")
    manifest = {"model": store.blob(file.read_bytes())}
    store.manifest("registry.ollama.ai/library/w/1b", manifest)
    store.path(manifest["model"]).unlink()
    done = home.run("verify", "w:1b", "--json")
    assert [one["state"] for one in json.loads(done.stdout)] == ["damaged"]
    assert done.returncode == 1


def test_long_reading_can_be_stopped(home: Home) -> None:
    gguf_small.model(home.models / "a.gguf", "A")
    with gguf_small.model(home.models / "b.gguf", "B").open("ab") as file:
        file.truncate(SIZE)
    with started(home, "verify") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("unknown\t")
        code, said = stop(process)
    assert (code, said.strip()) == (130, "Stopped.")


def test_the_question_before_deleting_can_be_left(home: Home) -> None:
    file = gguf_small.model(home.models / "a.gguf", "A")
    with started(home, "rm", "A") as process:
        assert process.stderr is not None
        while not process.stderr.readline().endswith("a.gguf\n"):
            pass
        assert process.stderr.read(6) == "Delete"
        code, _ = stop(process)
    assert (code, file.exists()) == (130, True)

"""`hearth models` on the files of this disk, as people run it: list, info, rm, verify, dedupe."""

import asyncio
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.library.database import LibraryDatabase, Row, Table
from tests.adapters.library_use import OllamaStore, hub_file
from tests.adapters.test_cli import Result, hearth
from tests.fakes import gguf_small
from tests.fakes.servers.http import FakeServer

# What scripts have relied on since the first version.
FIELDS = {
    "ref", "name", "path", "size", "quantisation", "architecture", "parameters", "trained_context",
    "description", "provider", "cloud",
}  # fmt: skip


class Home:
    """A Hearth of its own, and a home for other programs' models beside it."""

    def __init__(self, base: Path) -> None:
        self.data = base / "hearth"
        self.models = self.data / "models"
        self.person = base / "person"
        self.cache = self.person / ".cache" / "huggingface" / "hub"
        self.models.mkdir(parents=True)
        self.person.mkdir()

    def run(self, *arguments: object, stdin: str = "") -> Result:
        return hearth(self.data, "models", *arguments, stdin=stdin, HOME=str(self.person))

    def settings(self, **sections: object) -> None:
        (self.data / "settings.json").write_text(json.dumps(sections))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def by_name(done: Result) -> dict[str, dict[str, object]]:
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


def test_the_list_says_what_each_model_is_and_whether_it_can_be_used(home: Home) -> None:
    keys = {"llama__context_length": 4096, "general__license": "mit"}
    whole = gguf_small.model(home.models / "whole.gguf", "Whole", **keys)
    now = datetime.now(UTC).timestamp()
    LibraryDatabase(home.data / "library.sqlite3").write(Table.USED, {whole: Row(now)})
    gguf_small.adapter(home.models / "lora.gguf")
    (home.models / "broken.gguf").write_bytes(whole.read_bytes()[:200])
    os.utime(home.models / "broken.gguf", (0, 0))
    parts = gguf_small.split(home.models, "Wide-Q8_0", 3, "Wide")
    parts[1].unlink()
    hub_file(
        home.cache, "someone/Cached-GGUF", "c.gguf", gguf_small.model(home.data / "c", "Cached")
    )
    home.settings(models={"folders": [str(home.data / "unplugged")]})
    done = home.run("list")
    lines = {line.split("\t")[0]: line for line in done.stdout.splitlines()}
    assert " · 4,096 tokens · chat template · mit · used today · fits\t" in lines["Whole"]
    assert lines["Whole"].endswith(f"\t{whole}")
    assert "adapter (LoRA)" in lines["lora"]
    assert "damaged" in lines["broken"]
    assert "parts are missing" in lines["Wide"]
    assert "Hugging Face" in lines["Cached"]
    assert "unplugged is not there now" in done.stderr
    known = by_name(home.run("list", "--json"))
    assert all(known[name].keys() >= FIELDS for name in lines if name in known)
    states = {name: (known[name]["state"], known[name]["can_be_loaded"]) for name in known}
    assert states["Whole"] == states["Cached"] == ("here", True)
    assert states["lora"] == ("here", False)
    assert states["broken"] == ("damaged", False)
    assert states["Wide"] == ("incomplete", False)
    assert known["Whole"]["fits"] == "now"
    assert known["Whole"]["features"] == ["template"]
    assert known["Cached"]["program"] == "Hugging Face"
    assert known["Cached"]["source"]["repo"] == "someone/Cached-GGUF"  # type: ignore[index]
    assert len(known["Wide"]["files"]) == 2  # type: ignore[arg-type]


async def test_the_models_of_servers_stand_behind_those_of_the_disk(
    home: Home, server: FakeServer
) -> None:
    box = {"name": "box", "kind": "openai-compatible", "url": server.url, "models": ["far-7b"]}
    home.settings(providers={"discover": False, "configured": [box]})
    done = await asyncio.to_thread(home.run, "list")
    assert done.stdout.splitlines()[-1].endswith("\tbox:far-7b")
    listed = json.loads((await asyncio.to_thread(home.run, "list", "--json")).stdout)
    assert (listed[-1]["ref"], listed[-1]["provider"]) == ("box:far-7b", "box")
    assert listed[-1].keys() >= FIELDS
    told = await asyncio.to_thread(home.run, "info", "box:far-7b", "--json")
    assert json.loads(told.stdout)["name"] == "far-7b"


def test_names_with_odd_characters_break_no_line_and_no_json(home: Home) -> None:
    odd = [b"tab\tand\nline.gguf", b"caf\xe9 latin.gguf", "🦜 “é” 100%.gguf".encode()]
    made = gguf_small.model(home.data / "m.gguf", "Odd")
    for name in odd:
        shutil.copy(made, home.models / os.fsdecode(name))
    done = home.run("list")
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == 4
    assert all(len(line) == 3 for line in lines)
    paths = {os.fsencode(one["path"]) for one in json.loads(home.run("list", "--json").stdout)}
    assert {os.fsencode(home.models / os.fsdecode(name)) for name in odd} <= paths
    for action in ("verify", "dedupe"):
        assert home.run(action).returncode == 0
        json.loads(home.run(action, "--json").stdout)
    told = home.run("info", home.models / odd[2].decode())
    assert "🦜 “é” 100%.gguf" in told.stdout


def test_info_takes_a_name_and_shows_every_key(home: Home) -> None:
    keys = {"llama__odd": float("inf"), "my__list": list(range(20)), "general__license": "mit"}
    gguf_small.model(home.models / "tiny.gguf", "Tiny", **keys)
    told = home.run("info", "tiny").stdout
    assert told.splitlines()[0].split() == ["Name", "Tiny"]
    assert "Features      chat template" in told
    assert "Licence       mit" in told
    assert "my.list = 0, 1, 2, 3, 4, 5, 6, 7, … (20 in all)\n" in told
    assert "llama.embedding_length = 64\n" in told
    known = json.loads(home.run("info", "TINY.gguf", "--json").stdout, parse_constant=pytest.fail)
    assert known["metadata"]["my.list"] == list(range(20))
    assert known["metadata"]["llama.odd"] is None, "JSON has no infinity"
    assert (known["has_chat_template"], known["tensor_types"]) == (True, {"F32": 1})
    assert known.keys() >= FIELDS


def test_info_of_a_split_model_is_of_all_its_parts(home: Home) -> None:
    parts = gguf_small.split(home.data / "elsewhere", "Wide-Q8_0", 2, "Wide")
    known = json.loads(home.run("info", parts[1], "--json").stdout)
    assert known["files"] == list(map(str, parts))
    assert known["size"] == sum(part.stat().st_size for part in parts)
    assert known["metadata"]["general.name"] == "Wide"
    assert (known["tensors"], known["tensor_types"]) == (2, {"F32": 2})


def test_info_shows_what_another_program_keeps_beside_its_model(home: Home) -> None:
    store = OllamaStore(home.person / ".ollama" / "models")
    layers = {
        "model": store.blob(gguf_small.model(home.data / "m.gguf", "Inner").read_bytes()),
        "template": store.blob("{{ .Prompt }} is asked"),
    }
    store.manifest("registry.ollama.ai/library/llama3.2/1b", layers)
    told = home.run("info", "llama3.2:1b")
    assert "Belongs to    Ollama" in told.stdout, told.stderr
    assert "{{ .Prompt }} is asked" in told.stdout
    refused = home.run("rm", "--yes", "llama3.2:1b")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "ollama rm llama3.2:1b" in refused.stderr


def test_a_name_that_is_wrong_or_means_several(home: Home) -> None:
    for folder in ("a", "b"):
        gguf_small.model(home.models / folder / "twin.gguf", "Twin", general__version=folder)
    wrong = home.run("info", "Twn")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Perhaps “Twin”?" in wrong.stderr
    for action in (["info"], ["rm", "--yes"], ["verify"]):
        several = home.run(*action, "twin")
        assert (several.returncode, several.stdout) == (2, "")
        assert str(home.models / "a" / "twin.gguf") in several.stderr
    outside = gguf_small.model(home.data / "outside.gguf")
    lost = home.run("rm", "--yes", outside)
    assert (lost.returncode, outside.exists()) == (1, True)
    assert "not among the models of the library" in lost.stderr


def test_rm_asks_first_and_says_what_it_frees(home: Home) -> None:
    file = gguf_small.model(home.models / "tiny.gguf", "Tiny")
    for answer, reason in (("n\n", ""), ("", "--yes deletes without a question")):
        kept = home.run("rm", "tiny", stdin=answer)
        assert (kept.returncode, kept.stdout, file.exists()) == (1, "", True)
        assert f"Tiny: {file.stat().st_size} B would be freed." in kept.stderr
        assert reason in kept.stderr
    done = home.run("rm", "tiny", stdin="y\n")
    assert (done.returncode, file.exists()) == (0, False)
    assert done.stdout.startswith("Deleted Tiny: ")
    assert list(home.models.iterdir()) == [], "nothing is left in a trash"


def test_rm_of_several_is_of_all_or_none(home: Home) -> None:
    files = [gguf_small.model(home.models / f"{name}.gguf", name) for name in ("One", "Two")]
    size = sum(file.stat().st_size for file in files)
    assert home.run("rm", "--yes", "One", "Three").returncode == 1
    assert home.run("rm", "--yes", "One", "Starter").returncode == 1
    assert all(file.exists() for file in files)
    done = home.run("rm", "--yes", "--json", "One", "Two", files[0])
    assert json.loads(done.stdout) == {"deleted": list(map(str, files)), "freed": size}
    assert not any(file.exists() for file in files)


def test_another_programs_model_goes_after_a_warning(home: Home) -> None:
    made = gguf_small.model(home.data / "c.gguf", "Cached")
    link = hub_file(home.cache, "someone/Cached-GGUF", "c.gguf", made)
    blob = link.resolve()
    assert "belongs to Hugging Face" in home.run("rm", "Cached", stdin="no\n").stderr
    assert home.run("rm", "Cached", stdin="yes\n").returncode == 0
    assert not blob.exists()
    assert not link.is_symlink()


def test_verify_tells_good_files_from_bad_ones(home: Home) -> None:
    made = gguf_small.model(home.data / "c.gguf", "Cached")
    good = hub_file(home.cache, "someone/Good-GGUF", "good.gguf", made)
    assert home.run("verify", "Cached").stdout == f"good\t{good}\n"
    blob = good.resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    done = home.run("verify", "--json")
    assert done.returncode == 1
    states = {one["file"]: one["state"] for one in json.loads(done.stdout)}
    assert states[str(good)] == "damaged"
    assert list(states.values()).count("unknown") == 1, "nobody said a hash for the starter"


def test_dedupe_lists_what_is_here_twice(home: Home) -> None:
    file = gguf_small.model(home.models / "one.gguf", "One")
    nothing = home.run("dedupe")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "No file is here twice." in nothing.stderr
    copy = Path(shutil.copy(file, home.models / "two.gguf"))
    assert home.run("dedupe").stdout == (
        f"{file.stat().st_size} B could be freed:\n  {file}\n  {copy}\n"
    )
    [twice] = json.loads(home.run("dedupe", "--json").stdout)
    assert twice["files"] == [str(file), str(copy)]
    assert twice["could_be_freed"] == file.stat().st_size

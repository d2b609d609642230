"""Where programs keep models on each system, and what their own files say of them."""

import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.library.records import Kind, Presence
from tests.adapters.library_use import Disk, OllamaStore, by_name, hub_file
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def as_on(disk: Disk, platform: str) -> None:
    disk.platform = platform
    if platform == "win32":
        disk.environ["APPDATA"] = str(disk.base / "roaming")
        disk.environ["LOCALAPPDATA"] = str(disk.base / "local")
        disk.environ["SystemDrive"] = str(disk.base)


USUAL = [
    ("win32", "home/.ollama/models", "Ollama"),
    ("darwin", "home/.ollama/models", "Ollama"),
    ("win32", "home/.lmstudio/models/a/b", "LM Studio"),
    ("win32", "home/.cache/lm-studio/models/a/b", "LM Studio"),
    ("darwin", "home/.lmstudio/models/a/b", "LM Studio"),
    ("win32", "roaming/Jan/data/llamacpp/models/a", "Jan"),
    ("darwin", "home/Library/Application Support/Jan/data/llamacpp/models/a", "Jan"),
    ("win32", "local/nomic.ai/GPT4All", "GPT4All"),
    ("darwin", "home/Library/Application Support/nomic.ai/GPT4All", "GPT4All"),
    ("win32", "home/Downloads/koboldcpp", "KoboldCpp"),
    ("darwin", "home/Desktop/koboldcpp-1.115", "KoboldCpp"),
    ("win32", "home/text-generation-webui/user_data/models", "text-generation-webui"),
    ("darwin", "home/Documents/text-generation-webui-main/models/x", "text-generation-webui"),
    ("win32", "local/llama.cpp", "llama.cpp"),
    ("darwin", "home/Library/Caches/llama.cpp", "llama.cpp"),
    ("win32", "home/.localai/models", "LocalAI"),
    ("win32", "home/.cache/huggingface/hub", "Hugging Face"),
    ("darwin", "home/.cache/huggingface/hub", "Hugging Face"),
]


@pytest.mark.parametrize(("platform", "folder", "program"), USUAL)
def test_each_program_s_usual_folder_is_found(
    disk: Disk, platform: str, folder: str, program: str
) -> None:
    as_on(disk, platform)
    made = gguf_small.model(disk.base / "made.gguf", "Model")
    place = disk.base / folder
    if program == "Ollama":
        store = OllamaStore(place)
        digest = store.blob(made.read_bytes())
        store.manifest("registry.ollama.ai/library/model/latest", {"model": digest})
    elif program == "Hugging Face":
        hub_file(place, "a/b", "m.gguf", made)
    else:
        place.mkdir(parents=True)
        shutil.copy(made, place / "m.gguf")
    model = disk.only()
    assert (model.program, model.presence, model.is_foreign) == (program, Presence.HERE, True)


NAMED = [
    ("OLLAMA_MODELS", "", "Ollama"),
    ("LLAMA_CACHE", "", "llama.cpp"),
    ("LOCALAI_MODELS_PATH", "", "LocalAI"),
    ("HF_HUB_CACHE", "", "Hugging Face"),
    ("HUGGINGFACE_HUB_CACHE", "", "Hugging Face"),
    ("HF_HOME", "hub", "Hugging Face"),
    ("XDG_CACHE_HOME", "huggingface/hub", "Hugging Face"),
    ("XDG_CACHE_HOME", "llama.cpp", "llama.cpp"),
    ("XDG_DATA_HOME", "nomic.ai/GPT4All", "GPT4All"),
    ("JAN_DATA_FOLDER", "llamacpp/models", "Jan"),
]


@pytest.mark.parametrize(("variable", "below", "program"), NAMED)
def test_the_environment_says_where_models_are(
    disk: Disk, variable: str, below: str, program: str
) -> None:
    chosen = disk.base / "drive" / "x"
    disk.environ[variable] = str(chosen)
    made = gguf_small.model(disk.base / "made.gguf", "Model")
    if program == "Ollama":
        store = OllamaStore(chosen)
        digest = store.blob(made.read_bytes())
        store.manifest("registry.ollama.ai/library/model/latest", {"model": digest})
    elif program == "Hugging Face":
        hub_file(chosen / below, "a/b", "m.gguf", made)
    else:
        gguf_small.model(chosen / below / "m.gguf", "Model")
    assert disk.only().program == program


def test_a_variable_may_have_quotes_and_a_tilde(disk: Disk) -> None:
    disk.home.mkdir()
    file = gguf_small.model(disk.base / "drive" / "m.gguf", "M")
    for value in (f'"{file.parent}"', "~/../drive"):
        disk.environ["LLAMA_CACHE"] = value
        assert disk.only().path.samefile(file)


@pytest.mark.parametrize("value", ["", " ", "relative/folder", "\0", "~nobody/models", "/dev/null"])
def test_a_variable_that_names_no_folder_is_passed_over(disk: Disk, value: str) -> None:
    for variable, _, _ in NAMED:
        disk.environ[variable] = value
    gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf", "M")
    if value in (" ", "relative/folder", "~nobody/models", ""):
        assert disk.scan().problems == ()
    assert disk.only().name == "M"


@pytest.mark.parametrize(
    ("platform", "file"),
    [
        ("linux", "home/.ollama/db.sqlite"),
        ("darwin", "home/Library/Application Support/Ollama/db.sqlite"),
        ("win32", "local/Ollama/db.sqlite"),
    ],
)
def test_ollama_keeps_models_where_the_settings_of_its_window_say(
    disk: Disk, platform: str, file: str
) -> None:
    as_on(disk, platform)
    chosen = disk.base / "drive" / "ollama models"
    store = OllamaStore(chosen)
    weights = gguf_small.model(disk.base / "w.gguf", "W").read_bytes()
    store.manifest("registry.ollama.ai/library/w/1b", {"model": store.blob(weights)})
    path = disk.base / file
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as settings, settings:
        settings.execute("CREATE TABLE settings (id INTEGER, models TEXT NOT NULL)")
        settings.execute("INSERT INTO settings VALUES (1, ?)", (str(chosen),))
    before = path.read_bytes()
    assert (disk.only().name, disk.only().program) == ("w:1b", "Ollama")
    assert [each.name for each in path.parent.iterdir() if each.is_file()] == ["db.sqlite"]
    assert path.read_bytes() == before
    chosen.rename(disk.base / "unplugged")
    assert disk.only().presence is Presence.AWAY
    for content in (b"", b"no database", before[:1000]):
        path.write_bytes(content)
        assert disk.scan().problems == ()


def test_localai_s_descriptions_name_models_and_their_projectors(disk: Disk) -> None:
    folder = disk.home / ".localai" / "models"
    file = gguf_small.model(folder / "llava" / "weights.gguf", "General", llama__embedding_length=5)
    projector = gguf_small.projector(folder / "eyes.gguf", width=999)
    (folder / "gpt-4-vision.yaml").write_text(
        "# a note\nname: gpt-4-vision  # as it is asked for\nbackend: llama-cpp\n"
        "mmproj: eyes.gguf\nparameters:  # of the model\n"
        "# in the middle\n\n  temperature: 0.2\n  model: 'llava/weights.gguf'\n"
        "template:\n  chat: other\n"
    )
    for name, content in (
        ("a.yaml", "parameters:\n  model: ../../gone.gguf\n"),
        ("b.yaml", "parameters: 3\n"),
        ("c.yml", "\0"),
        ("d.yaml", "- name: x\n  parameters:\n    model: y\n"),
    ):
        (folder / name).write_text(content)
    model = by_name(disk.scan())["gpt-4-vision"]
    assert (model.path, model.program, model.projector) == (file, "LocalAI", projector)
    assert "vision" in model.features


@pytest.mark.parametrize(
    "flags",
    ["# --model-dir /no\n--listen --model-dir {}\n", '--model-dir="{}"', "--api\n--model-dir '{}'"],
)
@pytest.mark.parametrize("file", ["user_data/CMD_FLAGS.txt", "CMD_FLAGS.txt"])
def test_text_generation_webui_s_options_name_a_folder(disk: Disk, flags: str, file: str) -> None:
    chosen = disk.base / "drive" / "models"
    path = gguf_small.model(chosen / "m.gguf", "M")
    options = disk.home / "text-generation-webui" / file
    options.parent.mkdir(parents=True)
    options.write_text(flags.format(chosen))
    assert (disk.only().path, disk.only().program) == (path, "text-generation-webui")
    chosen.rename(disk.base / "unplugged")
    assert disk.only().presence is Presence.AWAY


def test_the_same_model_of_all_programs_is_a_row_for_each_that_has_a_copy(disk: Disk) -> None:
    made = gguf_small.model(disk.models / "mine.gguf", "Model")
    theirs = disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf"
    linked = disk.home / ".cache" / "gpt4all" / "m.gguf"
    for path in (theirs, linked):
        path.parent.mkdir(parents=True)
    shutil.copy(made, theirs)
    os.link(made, linked)
    assert [(model.path, model.program) for model in disk.scan().models] == [
        (made, ""),
        (theirs, "LM Studio"),
    ]


def test_jan_s_file_that_is_gone_takes_no_others_along(disk: Disk) -> None:
    data = disk.home / ".local/share/Jan/data/llamacpp/models"
    for name, path in (("a", "gone.gguf"), ("b", "llamacpp/models/b/model.gguf")):
        (data / name).mkdir(parents=True)
        (data / name / "model.yml").write_text(f"model_path: {path}\nname: {name}\n")
    gguf_small.model(data / "b" / "model.gguf")
    assert disk.only().name == "b"


def make_deep(folder: Path, depth: int) -> None:
    """So many folders in each other, one by one: pathlib's own way to make them recurses."""
    for _ in range(depth):
        folder /= "d"
        folder.mkdir()


def test_deep_folders_of_a_store_end_no_look(disk: Disk) -> None:
    depth = sys.getrecursionlimit() - 50
    store = OllamaStore(disk.home / ".ollama" / "models")
    weights = gguf_small.model(disk.base / "w.gguf", "W").read_bytes()
    store.manifest("registry.ollama.ai/library/w/1b", {"model": store.blob(weights)})
    make_deep(store.folder / "manifests", depth)
    cache = disk.home / ".cache" / "huggingface" / "hub"
    link = hub_file(cache, "a/b", "m.gguf", disk.base / "w.gguf")
    make_deep(link.parent, depth)
    assert len(disk.scan().models) == 2


def test_kinds_are_recognised_in_any_store(disk: Disk) -> None:
    folder = disk.home / ".lmstudio" / "models" / "a" / "b"
    gguf_small.write(folder / "embed.gguf", architecture="bert", general__name="E")
    gguf_small.adapter(folder / "lora.gguf")
    gguf_small.vocabulary(folder / "vocab.gguf")
    kinds = {model.path.stem: model.kind for model in disk.scan().models}
    assert kinds == {"embed": Kind.EMBEDDING, "lora": Kind.ADAPTER, "vocab": Kind.VOCABULARY}


def test_settings_of_programs_that_make_no_sense_cost_nothing(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    odd = [
        "{",
        "[]",
        '{"downloadsFolder": 3, "data_folder": {}}',
        "\0",
        '{"downloadsFolder": "\\u0000"}',
    ]
    places = [
        ".lmstudio/settings.json", ".local/share/Jan/settings.json", ".lmstudio-home-pointer",
        ".config/nomic.ai/GPT4All.ini", "koboldcpp/x.kcpps", "text-generation-webui/CMD_FLAGS.txt",
    ]  # fmt: skip
    for content in (*odd, json.dumps({"model_param": "\0", "mmproj": ["a.gguf", 3]})):
        for place in places:
            file = disk.home / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        assert disk.only().name == "M"

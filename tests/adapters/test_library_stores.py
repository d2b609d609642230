"""Models of other programs, on folder trees as those programs lay them out."""

import json
import os
import shutil
from pathlib import Path

import pytest

from app.library.records import Kind, Presence, Source
from tests.adapters.library_use import Disk, age, by_name, hub_file
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.home.mkdir()
    return made


def test_an_empty_home_has_no_models_and_no_problems(disk: Disk) -> None:
    assert disk.scan().models == ()
    assert disk.scan().problems == ()


def test_lm_studio_has_publishers_and_repositories(disk: Disk) -> None:
    folder = disk.home / ".lmstudio" / "models" / "google" / "gemma-3-4b-it-GGUF"
    file = gguf_small.model(folder / "gemma-3-4b-it-Q4_K_M.gguf", "Gemma 3 4b It")
    projector = gguf_small.projector(folder / "mmproj-model-f16.gguf")
    (folder / "downloading_gemma-3-4b-it-Q8_0.gguf.part").write_bytes(b"GGUF")
    found = by_name(disk.scan())
    assert set(found) == {"Gemma 3 4b It", "mmproj-model-f16"}
    model = found["Gemma 3 4b It"]
    assert (model.path, model.program, model.projector) == (file, "LM Studio", projector)
    assert model.features == {"template", "vision"}
    assert model.is_foreign


@pytest.mark.parametrize(
    ("platform", "settings"),
    [
        ("linux", "home/.lmstudio/settings.json"),
        ("linux", "home/.cache/lm-studio/settings.json"),
        ("win32", "roaming/LM Studio/settings.json"),
        ("darwin", "home/Library/Application Support/LM Studio/settings.json"),
    ],
)
def test_lm_studio_keeps_models_where_its_settings_say(
    disk: Disk, platform: str, settings: str
) -> None:
    disk.platform = platform
    disk.environ["APPDATA"] = str(disk.base / "roaming")
    chosen = disk.base / "drive" / "lm models"
    file = gguf_small.model(chosen / "a" / "b" / "m.gguf")
    where = disk.base / settings
    where.parent.mkdir(parents=True)
    where.write_text(json.dumps({"downloadsFolder": str(chosen), "language": "en"}))
    assert (disk.only().path, disk.only().program) == (file, "LM Studio")


def test_lm_studio_s_home_can_be_elsewhere(disk: Disk) -> None:
    home = disk.base / "drive" / "lm home"
    file = gguf_small.model(home / "models" / "a" / "b" / "m.gguf")
    (disk.home / ".lmstudio-home-pointer").write_text(f"{home}\n")
    assert disk.only().path == file


NOT_TEXT = os.fsdecode(b"caf\xe9.gguf")
JAN_DATA = {
    "linux": "home/.local/share/Jan/data",
    "darwin": "home/Library/Application Support/Jan/data",
    "win32": "roaming/Jan/data",
}


@pytest.mark.parametrize("platform", JAN_DATA)
def test_jan_describes_each_model_in_a_file(disk: Disk, platform: str) -> None:
    disk.platform = platform
    disk.environ["APPDATA"] = str(disk.base / "roaming")
    data = disk.base / JAN_DATA[platform]
    folder = data / "llamacpp" / "models" / "janhq" / "Jan-v1"
    file = gguf_small.model(folder / "model.gguf", "General name")
    projector = gguf_small.projector(folder / "mmproj.gguf", width=128)
    (folder / "model.yml").write_text(
        "embedding: false\n"
        "mmproj_path: llamacpp/models/janhq/Jan-v1/mmproj.gguf\n"
        "model_path: llamacpp/models/janhq/Jan-v1/model.gguf\n"
        "name: Jan v1\n"
        "size_bytes: 864\n"
    )
    model = by_name(disk.scan())["Jan v1"]
    assert (model.path, model.program, model.projector) == (file, "Jan", projector)


def test_models_that_jan_imported_stay_where_they_are(disk: Disk) -> None:
    outside = gguf_small.model(disk.base / "elsewhere" / "mine.gguf")
    folder = disk.home / ".local/share/Jan/data/llamacpp/models/mine"
    folder.mkdir(parents=True)
    (folder / "model.yml").write_text(f"model_path: {outside}\n")
    model = disk.only()
    assert (model.path, model.name, model.program) == (outside, "mine", "Jan")


def test_jan_s_data_folder_can_be_moved(disk: Disk) -> None:
    data = disk.base / "drive" / "jan"
    file = gguf_small.model(data / "models" / "old" / "m.gguf")
    settings = disk.home / ".local/share/Jan/settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"data_folder": str(data)}))
    assert (disk.only().path, disk.only().program) == (file, "Jan")


@pytest.mark.parametrize("content", ["", "model_path: gone.gguf\n", "\0\0\0", "model_path: [1]\n"])
def test_a_damaged_description_of_jan_costs_nothing_else(disk: Disk, content: str) -> None:
    folder = disk.home / ".local/share/Jan/data/llamacpp/models/a"
    file = gguf_small.model(folder / "m.gguf")
    (folder / "model.yml").write_text(content)
    assert disk.only().path == file


GPT4ALL = {
    "linux": "home/.local/share/nomic.ai/GPT4All",
    "darwin": "home/Library/Application Support/nomic.ai/GPT4All",
    "win32": "local/nomic.ai/GPT4All",
}


@pytest.mark.parametrize("platform", GPT4ALL)
def test_gpt4all_has_one_folder_and_marks_what_is_unfinished(disk: Disk, platform: str) -> None:
    disk.platform = platform
    disk.environ["LOCALAPPDATA"] = str(disk.base / "local")
    folder = disk.base / GPT4ALL[platform]
    file = gguf_small.model(folder / "Meta-Llama-3-8B-Instruct.Q4_0.gguf")
    shutil.copy(file, folder / "incomplete-Phi-3-mini.Q4_0.gguf")
    (folder / "ggml-old.bin").write_bytes(b"ggml")
    (folder / "localdocs_v3.db").write_bytes(b"")
    model = disk.only()
    assert (model.path, model.program) == (file, "GPT4All")


def test_gpt4all_keeps_models_where_its_settings_say(disk: Disk) -> None:
    chosen = disk.base / "drive" / "g"
    file = gguf_small.model(chosen / "m.gguf")
    settings = disk.home / ".config" / "nomic.ai" / "GPT4All.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"[General]\nmodelPath={chosen}/\nuserDefaultModel=m.gguf\n[network]\na=%\n"
    )
    assert (disk.only().path, disk.only().program) == (file, "GPT4All")


def test_koboldcpp_has_models_beside_it_and_where_its_settings_say(disk: Disk) -> None:
    folder = disk.home / "Downloads" / "KoboldCpp-1.115"
    beside = gguf_small.model(folder / "beside.gguf")
    named = gguf_small.model(disk.base / "drive" / "named.gguf")
    projector = gguf_small.projector(disk.base / "drive" / "mmproj-x.gguf", width=4096)
    (folder / "mine.kcpps").write_text(
        json.dumps({"model_param": str(named), "mmproj": str(projector), "model": None, "lora": 1})
    )
    (folder / "broken.kcpps").write_text("{")
    found = by_name(disk.scan())
    assert {model.path for model in found.values()} == {beside, named, projector}
    assert {model.program for model in found.values()} == {"KoboldCpp"}
    assert found["named"].projector == projector


def test_a_koboldcpp_folder_is_recognised_wherever_it_is(disk: Disk) -> None:
    folder = disk.base / "drive" / "tools"
    gguf_small.model(folder / "m.gguf")
    (folder / "koboldcpp-linux-x64").write_bytes(b"\x7fELF")
    disk.folders.append(disk.base / "drive")
    assert disk.only().program == "KoboldCpp"


def test_a_note_or_a_folder_about_a_program_makes_nothing_its_own(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf")
    (disk.models / "koboldcpp notes.txt").write_text("")
    for name in ("koboldcpp", "manifests", "llamacpp", "user_data"):
        (disk.models / name).mkdir()
    for name in ("blobs", "threads"):
        (disk.models / name).write_text("")
    assert disk.only().program == ""


def test_text_generation_webui_has_a_folder_where_it_is_installed(disk: Disk) -> None:
    folder = disk.home / "text-generation-webui" / "user_data"
    single = gguf_small.model(folder / "models" / "single.gguf")
    nested = gguf_small.model(folder / "models" / "folder" / "nested.gguf")
    old = gguf_small.model(disk.home / "text-generation-webui" / "models" / "old.gguf")
    projector = gguf_small.projector(folder / "mmproj" / "mmproj-single-f16.gguf")
    found = by_name(disk.scan())
    assert {model.path for model in found.values()} == {single, nested, old, projector}
    assert {model.program for model in found.values()} == {"text-generation-webui"}
    assert found["single"].projector == projector
    assert found["nested"].projector is None


def test_a_text_generation_webui_folder_is_recognised_wherever_it_is(disk: Disk) -> None:
    portable = disk.base / "drive" / "webui"
    gguf_small.model(portable / "user_data" / "models" / "m.gguf")
    (portable / "start_linux.sh").write_text("")
    disk.folders.append(portable)
    assert disk.only().program == "text-generation-webui"
    disk.folders[:] = [portable / "user_data" / "models"]
    (portable / "user_data" / "models" / "place-your-models-here.txt").write_text("")
    assert disk.only().program == "text-generation-webui"


LLAMA_CACHE = {
    "linux": "home/.cache/llama.cpp",
    "darwin": "home/Library/Caches/llama.cpp",
    "win32": "local/llama.cpp",
}


@pytest.mark.parametrize("platform", LLAMA_CACHE)
def test_llama_cpp_s_old_cache_tells_where_files_are_from(disk: Disk, platform: str) -> None:
    disk.platform = platform
    disk.environ["LOCALAPPDATA"] = str(disk.base / "local")
    cache = disk.base / LLAMA_CACHE[platform]
    file = gguf_small.model(cache / "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M.gguf")
    projector = gguf_small.projector(
        cache / "ggml-org_gemma-3-4b-it-GGUF_mmproj-model-f16.gguf", width=999
    )
    (cache / "x_y_z.gguf.downloadInProgress").write_bytes(b"GGUF")
    (cache / f"{file.name}.etag").write_text('"abc"')
    manifest = {
        "ggufFile": {"rfilename": "gemma-3-4b-it-Q4_K_M.gguf", "lfs": {"sha256": "beef"}},
        "mmprojFile": {"rfilename": "mmproj-model-f16.gguf"},
    }
    name = "manifest=ggml-org=gemma-3-4b-it-GGUF=latest.json"
    (cache / name).write_text(json.dumps(manifest))
    found = {model.path: model for model in disk.scan().models}
    assert set(found) == {file, projector}
    model = found[file]
    assert model.program == "llama.cpp"
    assert model.projector == projector
    repo = "ggml-org/gemma-3-4b-it-GGUF"
    assert model.source == Source(repo, "gemma-3-4b-it-Q4_K_M.gguf", "", "beef")


def test_the_first_caches_of_llama_cpp_have_an_address_beside_the_file(disk: Disk) -> None:
    cache = disk.base / "cache"
    disk.environ["LLAMA_CACHE"] = str(cache)
    file = gguf_small.model(cache / "m.gguf")
    about = {"etag": "x", "url": "https://huggingface.co/a/b/resolve/main/dir/m.gguf?download=true"}
    (cache / "m.gguf.json").write_text(json.dumps(about))
    assert disk.only().source == Source("a/b", "dir/m.gguf", "")
    (cache / "m.gguf.json").write_text("damaged")
    (cache / "manifest=a.json").write_text("{}")
    (cache / "manifest=a=b=c.json").write_text('{"ggufFile": 3}')
    assert (disk.only().source, disk.only().path) == (None, file)


def test_a_cache_of_llama_cpp_can_have_the_hub_s_layout(disk: Disk) -> None:
    file = gguf_small.model(disk.base / "m.gguf")
    disk.environ["LLAMA_CACHE"] = str(disk.base / "cache")
    link = hub_file(disk.base / "cache", "a/b", "m.gguf", file)
    assert (disk.only().path, disk.only().program) == (link, "Hugging Face")


def test_localai_has_a_folder_of_models(disk: Disk) -> None:
    disk.environ["LOCALAI_MODELS_PATH"] = str(disk.base / "localai")
    gguf_small.model(disk.base / "localai" / "llama-cpp" / "m.gguf")
    (disk.base / "localai" / "m.yaml").write_text("parameters:\n  model: m.gguf\n")
    assert disk.only().program == "LocalAI"


def test_other_programs_can_be_left_out(disk: Disk) -> None:
    gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    disk.other_programs = False
    assert disk.scan().models == ()


def test_a_program_s_folder_keeps_its_owner_when_the_person_chooses_it(disk: Disk) -> None:
    root = disk.home / ".lmstudio" / "models"
    gguf_small.model(root / "a" / "b" / "m.gguf")
    disk.other_programs = False
    for folder in (root, root / "a", disk.home / ".lmstudio"):
        disk.folders[:] = [folder]
        assert disk.only().program == "LM Studio", folder
    disk.folders[:] = [disk.home]
    assert disk.scan().models == ()  # hidden folders are not gone into
    disk.other_programs = True
    assert disk.only().program == "LM Studio"


def test_a_linked_folder_of_a_program_keeps_its_owner(disk: Disk) -> None:
    root = disk.home / ".lmstudio" / "models"
    gguf_small.model(root / "a" / "b" / "m.gguf")
    disk.models.mkdir(parents=True)
    (disk.models / "linked").symlink_to(root / "a")
    assert disk.only().program == "LM Studio"


def test_a_link_of_the_person_s_own_counts_as_their_own(disk: Disk) -> None:
    theirs = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    disk.models.mkdir(parents=True)
    (disk.models / "m.gguf").symlink_to(theirs)
    model = disk.only()
    assert (model.path, model.program) == (disk.models / "m.gguf", "")


def test_a_hard_link_of_the_person_s_own_counts_as_their_own(disk: Disk) -> None:
    theirs = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    disk.models.mkdir(parents=True)
    os.link(theirs, disk.models / "z.gguf")
    assert disk.only().path == disk.models / "z.gguf"


def test_the_file_counts_before_a_link_to_it_in_the_same_folder(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "z.gguf")
    (disk.models / "a.gguf").symlink_to(file)
    assert disk.only().path == file


def test_a_partly_linked_split_model_is_not_torn_apart(disk: Disk) -> None:
    parts = gguf_small.split(disk.home / ".lmstudio" / "models" / "a" / "b", "big", 2)
    disk.models.mkdir(parents=True)
    (disk.models / parts[0].name).symlink_to(parts[0])
    model = disk.only()
    assert (model.files, model.presence) == (tuple(parts), Presence.HERE)


def test_links_in_a_circle_end_somewhere(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "a" / "m.gguf")
    (disk.models / "a" / "up").symlink_to(disk.models)
    (disk.models / "loop").symlink_to(disk.models / "loop")
    (disk.models / "loop.gguf").symlink_to(disk.models / "loop.gguf")
    (disk.models / "nowhere.gguf").symlink_to(disk.base / "nowhere")
    assert disk.only().path == file
    assert disk.scan().problems == ()


def test_what_is_no_regular_file_is_left_alone(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf")
    os.mkfifo(disk.models / "pipe.gguf")  # to open it would wait for ever
    (disk.models / "folder.gguf").mkdir()
    inside = gguf_small.model(disk.models / "folder.gguf" / "inside.gguf")
    assert {model.path for model in disk.scan().models} == {file, inside}


def test_hidden_and_system_folders_are_left_alone(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf")
    for name in (".git", ".hearth-trash", "$RECYCLE.BIN", ".Trash-1000"):
        gguf_small.model(disk.models / name / "x.gguf", name)
    (disk.models / "._m.gguf").write_bytes(b"\0\5\x16\7")
    library = disk.library()
    assert [model.path for model in library.scan().models] == [file]
    assert library.trash == (disk.models / ".hearth-trash",)


def test_a_recent_file_brings_its_parts_and_its_projector(disk: Disk) -> None:
    folder = disk.base / "anywhere"
    parts = gguf_small.split(folder, "big", 3, "Big")
    projector = gguf_small.projector(folder / "mmproj-big.gguf")
    gguf_small.model(folder / "another.gguf")
    disk.recent = [parts[0], disk.base / "gone.gguf", Path("relative.gguf")]
    found = by_name(disk.scan())
    assert set(found) == {"Big", "mmproj-big"}
    assert (found["Big"].files, found["Big"].projector) == (tuple(parts), projector)


def test_a_recent_file_of_a_program_stays_the_program_s(disk: Disk) -> None:
    file = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    disk.recent = [file]
    disk.other_programs = False
    assert disk.only().program == "LM Studio"


def test_the_shipped_model_is_marked(disk: Disk) -> None:
    disk.shipped = disk.base / "shipped"
    gguf_small.model(disk.shipped / "starter.gguf")
    assert disk.only().is_shipped


def test_a_folder_within_another_is_counted_once(disk: Disk) -> None:
    gguf_small.model(disk.base / "drive" / "inner" / "m.gguf")
    disk.folders += [disk.base / "drive" / "inner", disk.base / "drive", disk.base / "drive"]
    assert len(disk.scan().models) == 1


def test_a_folder_with_everything_below_it_is_cut_short_with_a_reason(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.library.stores.walking.MAX_FOLDERS", 3)
    for number in range(5):
        gguf_small.model(disk.models / str(number) / "m.gguf", str(number))
    snapshot = disk.scan()
    assert [model.name for model in snapshot.models] == ["0", "1"]
    (problem,) = snapshot.problems
    assert "more than 3 folders" in problem.reason


def test_names_of_other_encodings_are_shown_with_a_reason(disk: Disk) -> None:
    disk.models.mkdir(parents=True)
    file = gguf_small.model(disk.base / "m.gguf", "Named")
    shutil.copy(file, disk.models / NOT_TEXT)
    shutil.copy(file, disk.models / f"{'x' * 250}.gguf")
    snapshot = disk.scan()
    odd = next(model for model in snapshot.models if "\udce9" in str(model.path))
    assert (odd.presence, "UTF-8" in odd.problem) == (Presence.DAMAGED, True)
    assert len(disk.library().infos()) == 1
    assert len(disk.scan().models) == 2  # also with what was remembered


def test_an_odd_name_is_printable_where_the_file_has_no_other(disk: Disk) -> None:
    disk.models.mkdir(parents=True)
    shutil.copy(gguf_small.model(disk.base / "m.gguf"), disk.models / NOT_TEXT)
    assert disk.only().name == "caf?"


def test_an_empty_file_is_damaged_with_a_reason(disk: Disk) -> None:
    disk.models.mkdir(parents=True)
    (disk.models / "empty.gguf").touch()
    age(disk.models / "empty.gguf")
    model = disk.only()
    assert (model.presence, model.name) == (Presence.DAMAGED, "empty")
    assert "is empty" in model.problem
    assert disk.library().infos() == []


def test_kinds_are_recognised_and_only_some_can_be_loaded(disk: Disk) -> None:
    gguf_small.model(disk.models / "chat.gguf")
    gguf_small.model(disk.models / "bert.gguf", architecture="nomic-bert")
    gguf_small.adapter(disk.models / "lora.gguf")
    gguf_small.vocabulary(disk.models / "vocab.gguf")
    gguf_small.projector(disk.models / "mmproj.gguf", width=7)
    kinds = {name: model.kind for name, model in by_name(disk.scan()).items()}
    assert kinds == {
        "chat": Kind.CHAT,
        "bert": Kind.EMBEDDING,
        "lora": Kind.ADAPTER,
        "vocab": Kind.VOCABULARY,
        "mmproj": Kind.PROJECTOR,
    }
    assert [info.name for info in disk.library().infos()] == ["bert", "chat"]

"""Models of other programs, on folder trees as those programs lay them out."""

import json
import shutil
from pathlib import Path

import pytest

from app.library.records import Source
from tests.adapters.library_use import Disk, by_name, hub_file
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.home.mkdir()
    return made


def on(platform: str, disk: Disk, path: str) -> Path:
    """A path on the disk, which becomes one of such a system, with the variables of Windows."""
    disk.platform = platform
    disk.environ |= {
        "APPDATA": str(disk.base / "roaming"),
        "LOCALAPPDATA": str(disk.base / "local"),
    }
    return disk.base / path


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
    where = on(platform, disk, settings)
    chosen = disk.base / "drive" / "lm models"
    file = gguf_small.model(chosen / "a" / "b" / "m.gguf")
    where.parent.mkdir(parents=True)
    where.write_text(json.dumps({"downloadsFolder": str(chosen), "language": "en"}))
    assert (disk.only().path, disk.only().program) == (file, "LM Studio")


def test_lm_studio_s_home_can_be_elsewhere(disk: Disk) -> None:
    home = disk.base / "drive" / "lm home"
    file = gguf_small.model(home / "models" / "a" / "b" / "m.gguf")
    (disk.home / ".lmstudio-home-pointer").write_text(f"{home}\n")
    assert disk.only().path == file


@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("linux", "home/.local/share/Jan/data"),
        ("darwin", "home/Library/Application Support/Jan/data"),
        ("win32", "roaming/Jan/data"),
    ],
)
def test_jan_describes_each_model_in_a_file(disk: Disk, platform: str, path: str) -> None:
    data = on(platform, disk, path)
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


@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("linux", "home/.local/share/nomic.ai/GPT4All"),
        ("darwin", "home/Library/Application Support/nomic.ai/GPT4All"),
        ("win32", "local/nomic.ai/GPT4All"),
    ],
)
def test_gpt4all_has_one_folder_and_marks_what_is_unfinished(
    disk: Disk, platform: str, path: str
) -> None:
    folder = on(platform, disk, path)
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


@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("linux", "home/.cache/llama.cpp"),
        ("darwin", "home/Library/Caches/llama.cpp"),
        ("win32", "local/llama.cpp"),
    ],
)
def test_llama_cpp_s_old_cache_tells_where_files_are_from(
    disk: Disk, platform: str, path: str
) -> None:
    cache = on(platform, disk, path)
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

"""Which projector goes with which model."""

from pathlib import Path

import pytest

from tests.adapters.library_use import Disk, by_name
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def pairs(disk: Disk) -> dict[str, str]:
    """Models' files and their projectors'."""
    return {
        model.path.name: model.projector.name
        for model in disk.scan().models
        if model.projector is not None
    }


def test_a_repository_s_folder_pairs_all_quantisations(disk: Disk) -> None:
    for quantisation in ("Q4_K_M", "Q8_0"):
        gguf_small.model(disk.models / "repo" / f"gemma-3-4b-it-{quantisation}.gguf", "Gemma 3 4b")
    gguf_small.projector(disk.models / "repo" / "mmproj-model-f16.gguf")
    assert pairs(disk) == {
        "gemma-3-4b-it-Q4_K_M.gguf": "mmproj-model-f16.gguf",
        "gemma-3-4b-it-Q8_0.gguf": "mmproj-model-f16.gguf",
    }


def test_f16_is_taken_before_others(disk: Disk) -> None:
    gguf_small.model(disk.models / "repo" / "m.gguf")
    for number, name in ((32, "BF16"), (0, "F32"), (1, "F16"), (7, "Q8_0")):
        gguf_small.projector(
            disk.models / "repo" / f"mmproj-{name}.gguf", general__file_type=number
        )
    assert pairs(disk) == {"m.gguf": "mmproj-F16.gguf"}


def test_a_projector_of_another_width_does_not_fit(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf")
    gguf_small.projector(disk.models / "mmproj-m.gguf", width=65)
    assert pairs(disk) == {}


def test_the_widths_of_old_projectors_say_nothing(disk: Disk) -> None:
    gguf_small.model(disk.models / "llava.gguf")
    gguf_small.projector(
        disk.models / "mmproj-llava.gguf",
        width=768,
        general__type="model",
        clip__projector_type="mlp",
    )
    assert pairs(disk) == {"llava.gguf": "mmproj-llava.gguf"}


def test_among_many_models_the_names_decide(disk: Disk) -> None:
    for name in ("Qwen2.5-VL-7B-Instruct-Q4_K_M", "Qwen2.5-VL-3B-Instruct-Q4_K_M",
                 "Qwen2.5-7B-Instruct-Q4_K_M", "llama-3-8b"):  # fmt: skip
        gguf_small.model(disk.models / f"{name}.gguf", name)
    gguf_small.projector(disk.models / "mmproj-Qwen2.5-VL-7B-Instruct-f16.gguf")
    gguf_small.projector(disk.models / "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf")
    gguf_small.projector(disk.models / "mmproj-model-f16.gguf")
    assert pairs(disk) == {
        "Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf": "mmproj-Qwen2.5-VL-7B-Instruct-f16.gguf",
        "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf": "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf",
    }


def test_a_folder_for_each_quantisation_takes_the_projector_above(disk: Disk) -> None:
    parts = gguf_small.split(disk.models / "repo" / "BF16", "big", 2, "Big")
    gguf_small.model(disk.models / "repo" / "Q4" / "big-Q4.gguf", "Big")
    gguf_small.projector(disk.models / "repo" / "mmproj-F16.gguf")
    assert pairs(disk) == {parts[0].name: "mmproj-F16.gguf", "big-Q4.gguf": "mmproj-F16.gguf"}


def test_what_a_projector_gives_is_a_feature_of_the_model(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    gguf_small.projector(
        disk.models / "mmproj-m.gguf", clip__has_vision_encoder=False, clip__has_audio_encoder=True
    )
    model = next(one for one in disk.scan().models if one.name == "M")
    assert model.features == {"template", "hearing"}


def test_a_damaged_projector_is_not_used(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf")
    (disk.models / "mmproj-m.gguf").write_bytes(b"damaged")
    assert pairs(disk) == {}


def test_only_chat_models_get_one(disk: Disk) -> None:
    gguf_small.adapter(disk.models / "m.gguf")
    gguf_small.model(disk.models / "e.gguf", architecture="nomic-bert")
    gguf_small.projector(disk.models / "mmproj-m.gguf")
    assert pairs(disk) == {}


def test_a_projector_without_a_name_belongs_to_the_only_model_of_its_width(disk: Disk) -> None:
    folder = disk.models
    gguf_small.model(folder / "gemma-3-4b-Q4_K_M.gguf", "Gemma 4b", llama__embedding_length=2560)
    gguf_small.model(folder / "gemma-3-4b-Q8_0.gguf", "Gemma 4b", llama__embedding_length=2560)
    gguf_small.model(folder / "Qwen3-8B-Q4_K_M.gguf", "Qwen3", llama__embedding_length=4096)
    projector = gguf_small.projector(folder / "mmproj-model-f16.gguf", width=2560)
    found = {model.path.name: model.projector for model in disk.scan().models}
    assert found["gemma-3-4b-Q4_K_M.gguf"] == found["gemma-3-4b-Q8_0.gguf"] == projector
    assert found["Qwen3-8B-Q4_K_M.gguf"] is None
    other = gguf_small.model(folder / "other.gguf", "Other", llama__embedding_length=2560)
    assert all(model.projector is None for model in disk.scan().models), "it may be either's"
    other.unlink()
    projector.rename(folder / "mmproj-llava-f16.gguf")
    assert all(model.projector is None for model in disk.scan().models), "it is named otherwise"


def test_a_link_has_the_projector_beside_what_it_leads_to(disk: Disk) -> None:
    theirs = disk.home / ".lmstudio" / "models" / "a" / "b"
    gguf_small.model(theirs / "m-Q4_0.gguf", "M")
    projector = gguf_small.projector(theirs / "mmproj-model-f16.gguf")
    disk.models.mkdir(parents=True)
    (disk.models / "mine.gguf").symlink_to(theirs / "m-Q4_0.gguf")
    model = by_name(disk.scan())["M"]
    assert (model.path, model.projector) == (disk.models / "mine.gguf", projector)


def test_parts_below_a_repository_take_its_projector(disk: Disk) -> None:
    parts = gguf_small.split(disk.models / "repo" / "Q8_0", "Big-VL-Q8_0", 3, "Big VL")
    projector = gguf_small.projector(disk.models / "repo" / "mmproj-F16.gguf")
    assert by_name(disk.scan())["Big VL"].projector == projector
    parts[2].unlink()
    assert by_name(disk.scan())["Big VL"].projector is None, "it cannot be loaded"

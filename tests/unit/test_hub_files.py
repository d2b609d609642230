"""What the files of a repository are, by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.library.hub import files
from app.library.records import HubFile, HubModel, Kind


def models(*paths: str, usual: Kind = Kind.CHAT) -> list[HubModel]:
    return files.models("a/b", "c0ffee", [HubFile(path, 10) for path in paths], usual)


@pytest.mark.parametrize(
    ("path", "quantisation"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("gemma-3-1b-it.Q6_K.gguf", "Q6_K"),
        ("Meta-Llama-3.1-8B-Instruct-Q6_K_L.gguf", "Q6_K_L"),
        ("Model-i1-IQ2_XXS.gguf", "IQ2_XXS"),
        ("Model-IQ4_NL.gguf", "IQ4_NL"),
        ("Model-IQ3_XS.gguf", "IQ3_XS"),
        ("Model-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("Model-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Model-TQ1_0.gguf", "TQ1_0"),
        ("Model-Q4_K_M-imat.gguf", "Q4_K_M"),
        ("Model-Q4_K_M_fixed.gguf", "Q4_K_M"),
        ("Model-f16-Q4_K_M.gguf", "Q4_K_M"),
        ("Model-f16:Q5_K_S.gguf", "Q5_K_S"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-MXFP4_MOE.gguf", "MXFP4"),
        ("ggml-model-fp16.gguf", "F16"),
        ("Model-BF16.gguf", "BF16"),
        ("Q8_0/Model.gguf", "Q8_0"),
        ("UD-Q2_K_XL/Model-UD-Q2_K_XL-00001-of-00003.gguf", "UD-Q2_K_XL"),
        ("Phi-4-mini-instruct.gguf", ""),
        ("Model-3Q4_K.gguf", ""),
        ("llama-2-7b-chat.gguf", ""),
    ],
)
def test_the_quantisation_is_read_from_the_name(path: str, quantisation: str) -> None:
    base = path.replace("-00001-of-00003", "")
    assert files.quantisation(base) == quantisation


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Model-Q4_K_M.gguf", Kind.CHAT),
        ("mmproj-Model-f16.gguf", Kind.PROJECTOR),
        ("Model-mmproj-bf16.gguf", Kind.PROJECTOR),
        ("mmproj/Model.gguf", Kind.CHAT),
        ("Model-imatrix.gguf", Kind.OTHER),
        ("Model-Q4_K_M-imatrix.gguf", Kind.CHAT),
        ("mtp-Model-Q8_0.gguf", Kind.OTHER),
        ("eagle3-Model.gguf", Kind.OTHER),
        ("Model-DRAFT-0.6B-Q4_0.gguf", Kind.OTHER),
        ("ggml-vocab-llama.gguf", Kind.VOCABULARY),
        ("Model-LoRA-f16.gguf", Kind.ADAPTER),
        ("Draftsman-7B-Q4_0.gguf", Kind.CHAT),
    ],
)
def test_what_a_file_is_for_is_read_from_the_name(path: str, kind: Kind) -> None:
    (model,) = models(path)
    assert model.kind is kind


def test_the_files_of_an_embedding_repository_are_for_embedding() -> None:
    kinds = [model.kind for model in models("a-Q8_0.gguf", "mmproj-a.gguf", usual=Kind.EMBEDDING)]
    assert kinds == [Kind.EMBEDDING, Kind.PROJECTOR]


def test_what_is_no_gguf_is_left_out() -> None:
    paths = ("README.md", "model.safetensors", "model.gguf.part1of2", "gguf", "M.GGUF", "x/m.gguf")
    assert [model.name for model in models(*paths)] == ["M", "m"]


def test_parts_are_put_together_in_their_order() -> None:
    names = [f"big/Big-Q8_0-{number:05}-of-00003.gguf" for number in (3, 1, 2)]
    (model,) = models(*names)
    assert [file.path for file in model.files] == sorted(names)
    assert (model.name, model.size) == ("Big-Q8_0", 30)


@pytest.mark.parametrize(
    "paths",
    [
        ("M-00001-of-00002.gguf",),
        ("M-00001-of-00003.gguf", "M-00003-of-00003.gguf"),
        ("M-00001-of-00002.gguf", "other/M-00002-of-00002.gguf"),
        ("M-00001-of-99999.gguf",),
    ],
)
def test_a_split_model_without_all_its_parts_is_left_out(paths: tuple[str, ...]) -> None:
    assert models(*paths) == []


@pytest.mark.parametrize(
    "path",
    [
        "../m.gguf",
        "/etc/m.gguf",
        "a/../../m.gguf",
        "a//m.gguf",
        "a\\m.gguf",
        "./m.gguf",
        "a\n.gguf",
    ],
)
def test_paths_that_lead_out_of_the_folder_are_left_out(path: str) -> None:
    assert models(path) == []


def test_the_parts_of_a_path_are_named() -> None:
    assert files.part_names("a/M-Q8_0.gguf") == ["a/M-Q8_0.gguf"]
    parts = ["a/M-00001-of-00002.gguf", "a/M-00002-of-00002.gguf"]
    assert files.part_names(parts[1]) == parts
    assert files.part_names("M-00001-of-99999.gguf") == ["M-00001-of-99999.gguf"]


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_name_breaks_the_grouping(names: list[str]) -> None:
    for model in models(*names, *(f"{name}.gguf" for name in names)):
        assert all(files.is_safe(file.path) for file in model.files)

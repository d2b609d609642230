"""What of a repository is meant by what a person types."""

import pytest

from app.cli import model_choice
from app.cli.model_choice import Asked
from app.errors import NoModel, UsageError
from app.library.hub import files
from app.library.records import HubFile, HubModel, Kind

FILES = (
    "Tiny-Q4_0.gguf",
    "Tiny-Q4_K_M.gguf",
    "Tiny-UD-Q4_K_XL.gguf",
    "Tiny-F16-00001-of-00002.gguf",
    "Tiny-F16-00002-of-00002.gguf",
    "mmproj-Tiny-F16.gguf",
    "mmproj-Tiny-F32.gguf",
    "more/Other-Q8_0.gguf",
)


def models(*paths: str) -> list[HubModel]:
    listed = [HubFile(path, 1000 + number) for number, path in enumerate(paths or FILES)]
    return files.models("owner/name", "main", listed, Kind.CHAT)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("owner/name", Asked("owner/name")),
        (" owner/name ", Asked("owner/name")),
        ("owner/name:Q4_K_M", Asked("owner/name", "Q4_K_M")),
        ("owner/name:more/Other-Q8_0.gguf", Asked("owner/name", "more/Other-Q8_0.gguf")),
        ("hf.co/owner/na.me-1:q4_0", Asked("owner/na.me-1", "q4_0")),
        ("huggingface.co/owner/name", Asked("owner/name")),
        ("https://huggingface.co/owner/name", Asked("owner/name")),
        ("https://huggingface.co/owner/name/", Asked("owner/name")),
        ("http://127.0.0.1:8080/owner/name:Q8_0", Asked("owner/name", "Q8_0")),
        ("https://huggingface.co/owner/name/tree/main", Asked("owner/name", "", "main")),
        ("https://huggingface.co/owner/name/tree/main/more", Asked("owner/name", "", "main")),
        (
            "https://huggingface.co/owner/name/blob/v2/more/A%20b.gguf",
            Asked("owner/name", "more/A b.gguf", "v2"),
        ),
        (
            "https://huggingface.co/owner/name/resolve/main/a.gguf?download=true",
            Asked("owner/name", "a.gguf", "main"),
        ),
    ],
)
def test_what_people_write_names_a_repository(text: str, asked: Asked) -> None:
    assert model_choice.parse(text) == asked


@pytest.mark.parametrize("text", ["qwen3", "", "a/b/c", "ollama:llama3.2", "/etc/passwd", "a b/c"])
def test_what_is_no_repository_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError, match="not the name of a repository"):
        model_choice.parse(text)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("", "Tiny-Q4_K_M"),
        ("Q4_0", "Tiny-Q4_0"),
        ("q4_k_m", "Tiny-Q4_K_M"),
        ("UD-Q4_K_XL", "Tiny-UD-Q4_K_XL"),
        ("F16", "Tiny-F16"),  # and not the projector of that precision
        ("tiny-q4_0.gguf", "Tiny-Q4_0"),
        ("Tiny-F16-00002-of-00002.gguf", "Tiny-F16"),
        ("other-q8_0.gguf", "Other-Q8_0"),
        ("more/*", "Other-Q8_0"),
        ("*q4_k_m*", "Tiny-Q4_K_M"),
        ("*f16*", "Tiny-F16"),
        ("mmproj-tiny-f16", "mmproj-Tiny-F16"),
        ("F32", "mmproj-Tiny-F32"),
    ],
)
def test_a_name_a_quantisation_or_a_pattern_chooses_one(wanted: str, name: str) -> None:
    assert model_choice.choose(models(), wanted, "owner/name").name == name


def test_what_may_be_several_is_asked_again() -> None:
    with pytest.raises(UsageError, match="may be several") as caught:
        model_choice.choose(models(), "*Q4_*", "owner/name")
    assert caught.value.remedy == "Name one of them: Tiny-Q4_0, Tiny-Q4_K_M, Tiny-UD-Q4_K_XL."


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    twins = models("a/Tiny-Q8_0.gguf", "b/Tiny-Q8_0.gguf")
    with pytest.raises(UsageError) as caught:
        model_choice.choose(twins, "Q8_0", "owner/name")
    assert "a/Tiny-Q8_0.gguf, b/Tiny-Q8_0.gguf" in caught.value.remedy
    chosen = model_choice.choose(twins, "b/Tiny-Q8_0.gguf", "owner/name")
    assert chosen.files[0].path == "b/Tiny-Q8_0.gguf"


def test_a_wrong_name_is_answered_with_those_that_there_are() -> None:
    many = [f"Tiny-{number}.gguf" for number in range(15)]
    with pytest.raises(NoModel, match="nothing called “Q3_K_S”") as caught:
        model_choice.choose(models(*many), "Q3_K_S", "owner/name")
    assert "Tiny-0, Tiny-1, " in caught.value.remedy
    assert "and 3 more (--list shows all)" in caught.value.remedy


@pytest.mark.parametrize("paths", [["model.safetensors"], ["mmproj-Tiny-F16.gguf"]])
def test_a_repository_without_a_model_says_where_to_look(paths: list[str]) -> None:
    with pytest.raises(NoModel, match="no model in the GGUF format") as caught:
        model_choice.choose(models(*paths), "", "owner/Name-7B")
    assert "hearth models search name-7b" in caught.value.remedy

"""Which names may become files, wherever they come from."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadReply
from app.library.downloads import names
from app.library.downloads.placing import candidates
from app.library.records import HubFile, HubModel

REPO = "someone/Model-GGUF"


@pytest.mark.parametrize(
    "file",
    [
        "model.gguf",
        "split/model-00001-of-00002.gguf",
        "Ünïcode 模型.gguf",
        "a.b.c",
        "comet",
    ],
)
def test_usual_names_are_taken_as_they_are(file: str) -> None:
    assert list(names.parts(REPO, file)) == ["someone", "Model-GGUF", *file.split("/")]


@pytest.mark.parametrize(
    "file",
    [
        "",
        ".",
        "..",
        "../model.gguf",
        "a/../../model.gguf",
        "a//model.gguf",
        "/model.gguf",
        "model.gguf/",
        "C:model.gguf",
        "C:/model.gguf",
        "C:\\model.gguf",
        "..\\model.gguf",
        "\\\\server\\share\\model.gguf",
        "model.gguf:stream",
        "model.gguf\0.txt",
        "model\n.gguf",
        "model\x7f.gguf",
        "model\u202effugg.gguf",
        "model\u2028.gguf",
        "model\ud800.gguf",
        "con",
        "CON.gguf",
        "nul.tar.gguf",
        "com1.gguf",
        "LPT9",
        "com¹.gguf",
        "aux .gguf",
        "model.gguf.",
        "model.gguf ",
        " model.gguf",
        "folder./model.gguf",
        "what?.gguf",
        "a*b.gguf",
        "<model>.gguf",
        ".hearth-downloads/x/0.part",
        ".Hearth-Downloads/model.gguf",
        ".hearth-trash/0123/model.gguf",
        ".hidden.gguf",
        "$RECYCLE.BIN/model.gguf",
        "downloading_model.gguf",
        "m" * 201,
        "ü" * 101,
        "/".join(["deep"] * 12),
        "/".join(["m" * 150] * 3),
    ],
)
def test_names_that_could_do_harm_are_refused(file: str) -> None:
    with pytest.raises(BadReply, match="is not made") as caught:
        names.parts(REPO, file)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 250


@pytest.mark.parametrize(
    "repo",
    ["", "model", "a/b/c", "../model", "someone/..", "/model", "someone/", "C:/model", "nul/x"],
)
def test_names_of_repositories_are_looked_at_as_well(repo: str) -> None:
    with pytest.raises(BadReply):
        names.parts(repo, "model.gguf")


@given(st.text(st.sampled_from("./\\: abcCONnul\0\n1-" + string.ascii_letters)))
def test_no_name_leaves_the_folder(file: str) -> None:
    try:
        found = names.parts(REPO, file)
    except BadReply:
        return
    assert all(part not in ("", ".", "..") and "/" not in part for part in found)
    assert not any(sign in part for part in found for sign in "\\:\0\n")


def test_two_files_never_become_one() -> None:
    files = (HubFile("Model.gguf", 1), HubFile("model.GGUF", 1))
    with pytest.raises(BadReply, match="twice"):
        list(candidates(Path("models"), HubModel(REPO, "0" * 40, "m", files)))

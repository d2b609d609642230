"""Models are found in folders and in the cache, or refused with a reason."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.errors import (
    HearthError,
    ModelFileError,
    ModelMissing,
    Unsupported,
)
from app.schema import (
    ModelRef,
)
from tests.adapters.asking import ask
from tests.transformers import models
from tests.transformers.asking import (
    network,
)
from tests.transformers.conftest import REPLY, Offer


@pytest.fixture
def copy(tiny: str, tmp_path: Path) -> Path:
    """The tiny model, to be damaged."""
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def put_in_cache(cache: Path, repo: str, source: str | Path) -> None:
    """A repo as Hugging Face's own tools leave it in their cache."""
    kept = cache / f"models--{repo.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40)
    shutil.copytree(source, kept / "snapshots" / ("0" * 40))


async def test_a_repo_is_taken_from_the_cache(offer: Offer, cache: Path, parrot: str) -> None:
    put_in_cache(cache, "acme/parrot", parrot)
    async with offer("acme/parrot") as provider:
        assert (await ask(provider, model="acme/parrot")).text == REPLY
        [info] = await provider.list_models()
        assert info.ref == ModelRef("hf", "acme/parrot")
        assert info.name == "acme/parrot"
        assert info.is_loaded


async def test_a_repo_that_is_not_there_is_not_fetched(offer: Offer, cache: Path) -> None:
    async with offer() as provider:
        with pytest.raises(ModelMissing, match="is not on this disk") as caught:
            await provider.open("acme/never-there")
    assert caught.value.remedy == "Fetch it with: .venv/bin/hf download acme/never-there"
    assert not cache.exists()


async def test_half_a_repo_is_not_enough(offer: Offer, cache: Path, copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    put_in_cache(cache, "acme/half", copy)
    async with offer() as provider:
        with pytest.raises(ModelMissing) as caught:
            await provider.open("acme/half")
    assert "hf download acme/half" in caught.value.remedy


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing-here", "~/nothing-here-either"])
async def test_a_folder_that_is_not_there_is_told(offer: Offer, name: str) -> None:
    async with offer() as provider:
        with pytest.raises(ModelMissing, match="There is no folder"):
            await provider.open(name)


async def test_the_home_folder_can_be_written_as_a_sign(
    offer: Offer, parrot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    shutil.copytree(parrot, tmp_path / "bird")
    async with offer("~/bird") as provider:
        assert (await provider.list_models())[0].name == "bird"
        assert (await ask(provider, model="~/bird")).text == REPLY
        assert provider.loaded == "~/bird"


def without(*names: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return damage


def cut(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(2000)


def pickled(folder: Path) -> None:
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def with_code(folder: Path) -> None:
    (folder / "code.py").write_text("raise SystemExit('a stranger was let in')")
    models.change(folder, model_type="strange", auto_map={"AutoConfig": "code.Config"})


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


DAMAGES: list[tuple[Callable[[Path], object], type[HearthError], str]] = [
    (cut, ModelFileError, "damaged"),
    (pickled, ModelFileError, "missing or damaged"),
    (without("model.safetensors"), ModelFileError, "missing or damaged"),
    (without("tokenizer.json", "tokenizer_config.json"), Unsupported, "tokenizer"),
    (without("config.json"), Unsupported, "config.json"),
    (broken_tokenizer, ModelFileError, "damaged"),
    (with_code, Unsupported, "program code of its own"),
    (lambda folder: models.change(folder, model_type="strange"), Unsupported, "strange"),
    (lambda folder: models.change(folder, hidden_size=48), ModelFileError, "do not fit together"),
    (lambda folder: models.change(folder, num_hidden_layers=3), ModelFileError, "lacks 9"),
    (
        lambda folder: models.change(
            folder, model_type="t5", architectures=["T5ForConditionalGeneration"]
        ),
        Unsupported,
        "transformers cannot use",
    ),
]


@pytest.mark.parametrize(
    ("damage", "kind", "words"), DAMAGES, ids=[words for _, _, words in DAMAGES]
)
async def test_what_cannot_be_loaded_is_refused_with_a_reason(
    offer: Offer, copy: Path, damage: Callable[[Path], object], kind: type[HearthError], words: str
) -> None:
    damage(copy)
    async with offer() as provider:
        with pytest.raises(kind, match=words) as caught:
            await provider.open(str(copy))
        assert provider.loaded is None
    assert caught.value.remedy
    assert len(caught.value.message) < 500


async def test_code_of_a_repo_is_not_run_where_it_is_not_needed(offer: Offer, copy: Path) -> None:
    (copy / "code.py").write_text("raise SystemExit('a stranger was let in')")
    models.change(copy, auto_map={"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.M"})
    async with offer() as provider:
        assert (await provider.open(str(copy))).info.architecture == "llama"


async def test_the_present_model_stays_where_the_next_is_none(offer: Offer, parrot: str) -> None:
    async with offer(parrot) as provider:
        await provider.open(parrot)
        first = network(provider)
        for name in ("acme/never-there", "/no/such/folder"):
            with pytest.raises(ModelMissing):
                await provider.open(name)
        assert provider.loaded == parrot
        assert network(provider) is first

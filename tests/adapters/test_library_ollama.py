"""Ollama's manifests and blobs, whole and broken."""

import json
from pathlib import Path

import pytest

from app.library import details
from app.library.records import Kind, Presence
from tests.adapters.library_use import Disk, OllamaStore, by_name
from tests.fakes import gguf_small

LATEST = "registry.ollama.ai/library/llama3.2/latest"


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def store(disk: Disk) -> OllamaStore:
    return OllamaStore(disk.home / ".ollama" / "models")


@pytest.fixture
def weights(disk: Disk) -> bytes:
    return gguf_small.model(disk.base / "weights.gguf", "Llama 3.2 3B").read_bytes()


def test_a_model_has_its_name_projector_licence_template_and_parameters(
    disk: Disk, store: OllamaStore, weights: bytes
) -> None:
    projector = gguf_small.projector(disk.base / "p.gguf", width=7).read_bytes()
    digest, seeing = store.blob(weights), store.blob(projector)
    store.manifest(
        LATEST,
        {
            "model": digest,
            "projector": seeing,
            "template": store.blob("{{ .Prompt }}"),
            "params": store.blob('{"stop":["<|eot_id|>"]}'),
            "license": store.blob("\n LLAMA 3.2 LICENSE AGREEMENT\nmore"),
        },
    )
    library = disk.library()
    found = by_name(library.scan())
    model = found["llama3.2:latest"]
    assert (model.path, model.program) == (store.path(digest), "Ollama")
    assert model.projector == store.path(seeing)
    assert model.features == {"template", "vision"}
    assert model.licence == "LLAMA 3.2 LICENSE AGREEMENT"
    assert (model.architecture, model.quantisation, model.size) == ("llama", "F32", len(weights))
    assert found["llama3.2:latest (projector)"].kind is Kind.PROJECTOR
    read = details.read(model.path, library.texts(model))
    assert dict(read.texts) == {
        "Template (Ollama)": "{{ .Prompt }}",
        "Parameters (Ollama)": '{"stop":["<|eot_id|>"]}',
        "Licence": "LLAMA 3.2 LICENSE AGREEMENT\nmore",
    }
    assert library.parameters(model) == {"stop": ["<|eot_id|>"]}
    assert [info.name for info in library.infos()] == ["llama3.2:latest"]


def test_tags_of_the_same_weights_are_one_model(
    disk: Disk, store: OllamaStore, weights: bytes
) -> None:
    digest = store.blob(weights)
    store.manifest("registry.ollama.ai/library/llama3.2/3b", {"model": digest})
    store.manifest(LATEST, {"model": digest})
    store.manifest("hf.co/bartowski/Llama-3.2-3B-GGUF/Q4_K_M", {"model": digest})
    model = disk.only()
    assert model.name == "llama3.2:latest"
    assert set(model.other_names) == {
        "llama3.2:3b",
        "hf.co/bartowski/Llama-3.2-3B-GGUF:Q4_K_M",
    }


def test_old_stores_have_a_colon_in_the_names_of_blobs(disk: Disk, weights: bytes) -> None:
    store = OllamaStore(disk.home / ".ollama" / "models", ":")
    digest = store.blob(weights)
    store.manifest(LATEST, {"model": digest})
    assert disk.only().path == store.folder / "blobs" / digest


def test_an_adapter_is_an_entry_of_its_own(disk: Disk, store: OllamaStore, weights: bytes) -> None:
    lora = store.blob(gguf_small.adapter(disk.base / "l.gguf").read_bytes())
    digest = store.blob(weights)
    store.manifest("registry.ollama.ai/jane/mine/latest", {"model": digest, "adapter": lora})
    found = by_name(disk.scan())
    assert found["jane/mine:latest"].kind is Kind.CHAT
    assert found["jane/mine:latest (adapter)"].kind is Kind.ADAPTER


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"layers": 3}',
        '{"layers": [3]}',
        '{"layers": [{"digest": "sha256:../../../secret", "mediaType": "x"}]}',
        "\0" * 10,
        "[" * 100_000,
    ],
)
def test_a_broken_manifest_is_said_and_costs_nothing_else(
    disk: Disk, store: OllamaStore, weights: bytes, content: str
) -> None:
    store.manifest(LATEST, {"model": store.blob(weights)})
    store.write("registry.ollama.ai/library/broken/latest", content)
    snapshot = disk.scan()
    assert [model.name for model in snapshot.models] == ["llama3.2:latest"]
    (problem,) = snapshot.problems
    assert problem.program == "Ollama"
    assert "broken:latest" in problem.reason


def test_models_in_the_cloud_and_of_other_formats_are_passed_over(
    disk: Disk, store: OllamaStore, weights: bytes
) -> None:
    config = store.blob(json.dumps({"remote_host": "https://ollama.com", "remote_model": "x"}))
    cloud = {"schemaVersion": 2, "config": {"digest": config}, "layers": []}
    store.write("registry.ollama.ai/library/gpt-oss/120b-cloud", cloud)
    store.write("registry.ollama.ai/library/kimi/cloud", {**cloud, "layers": None})
    tensors = [("tensor", store.blob(f"tensor {number}")) for number in range(3)]
    store.manifest("registry.ollama.ai/library/mlx/latest", tensors)
    (store.folder / "manifests" / ".DS_Store").write_bytes(b"\0")
    (store.folder / "manifests" / "stray").write_text("{}")
    assert disk.scan().models == ()
    assert disk.scan().problems == ()


def test_weights_in_several_pieces_are_left_out_with_a_reason(
    disk: Disk, store: OllamaStore, weights: bytes
) -> None:
    layers = [("model", store.blob(weights)), ("model", store.blob(weights + b"2"))]
    store.manifest(LATEST, layers)
    snapshot = disk.scan()
    assert snapshot.models == ()
    assert "2 pieces that only Ollama can use" in snapshot.problems[0].reason


def test_missing_weights_make_it_incomplete(disk: Disk, store: OllamaStore, weights: bytes) -> None:
    digest = store.blob(weights)
    store.manifest(LATEST, {"model": digest})
    store.path(digest).rename(store.path(f"{digest}-partial"))
    model = disk.only()
    assert (model.name, model.presence) == ("llama3.2:latest", Presence.INCOMPLETE)
    assert "fetch it again in Ollama" in model.problem
    assert disk.library().infos() == []


def test_a_store_can_be_where_the_environment_says(disk: Disk, weights: bytes) -> None:
    store = OllamaStore(disk.base / "drive" / "ollama")
    store.manifest(LATEST, {"model": store.blob(weights)})
    disk.environ["OLLAMA_MODELS"] = f'"{store.folder}" '
    assert disk.only().program == "Ollama"


def test_the_service_s_store_is_found_too(disk: Disk, weights: bytes) -> None:
    store = OllamaStore(disk.base / "root" / "usr" / "share" / "ollama" / ".ollama" / "models")
    store.manifest(LATEST, {"model": store.blob(weights)})
    assert disk.only().program == "Ollama"
    disk.platform = "win32"
    assert disk.scan().models == ()


@pytest.mark.parametrize("below", ["", "models"])
def test_a_store_is_recognised_in_the_person_s_folders(
    disk: Disk, weights: bytes, below: str
) -> None:
    store = OllamaStore(disk.base / "drive" / below)
    digest = store.blob(weights)
    store.manifest(LATEST, {"model": digest})
    disk.other_programs = False
    disk.folders.append(disk.base / "drive")
    model = disk.only()
    assert (model.name, model.program) == ("llama3.2:latest", "Ollama")
    disk.folders[:] = []
    disk.recent = [store.path(digest)]
    assert disk.only().program == "Ollama"


def test_a_store_that_loses_everything_is_empty_and_not_away(
    disk: Disk, store: OllamaStore, weights: bytes
) -> None:
    digest = store.blob(weights)
    manifest = store.manifest(LATEST, {"model": digest})
    assert len(disk.scan().models) == 1
    manifest.unlink()
    for blob in (store.folder / "blobs").iterdir():
        blob.unlink()
    (store.folder / "blobs").rmdir()
    assert disk.scan().models == ()

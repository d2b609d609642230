"""What a load fixes: adapters in settings, plan and words, and the plan of an embedding model."""

import json
from pathlib import Path

import pytest

from app import gguf, wording
from app.cli import parser
from app.errors import ModelTooLarge, UnsupportedModel
from app.gguf import Header, Tensor
from app.llm.optimizer.embedding_plan import EMBEDDING_CONTEXT, embedding_plan
from app.llm.optimizer.purpose import RERANKING
from app.schema import Adapter, Hardware
from app.settings import Settings, SettingsFile

COMPUTER = Hardware(physical_cores=6, total_memory=16_000_000_000, available_memory=4_000_000_000)
LORA = Adapter("/adapters/german.gguf", 0.5)


def header(architecture: str, billions: float, **keys: gguf.Value) -> Header:
    metadata: dict[str, gguf.Value] = {
        "general.architecture": architecture,
        f"{architecture}.context_length": 8192,
        f"{architecture}.block_count": 32,
        f"{architecture}.embedding_length": 1024,
        f"{architecture}.feed_forward_length": 4096,
        f"{architecture}.attention.head_count": 16,
        **{f"{architecture}.{key}": value for key, value in keys.items()},
    }
    tensors = (Tensor("w", (round(billions * 1e9),), 24, 0),)  # I8: a byte each
    return Header(3, metadata, tensors, 0, round(billions * 1e9), Path("/models/some.gguf"))


def test_an_embedding_model_leaves_half_of_the_cores_to_the_chat() -> None:
    made = embedding_plan(COMPUTER, header("bert", 1))
    assert (made.for_embedding, made.n_threads, made.n_threads_batch) == (True, 3, 3)
    assert made.n_ctx == EMBEDDING_CONTEXT
    one_core = Hardware(1, 8_000_000_000, 4_000_000_000)
    assert embedding_plan(one_core, header("bert", 1)).n_threads == 1
    assert embedding_plan(COMPUTER, header("bert", 1, context_length=512)).n_ctx == 512


def test_an_embedding_model_must_fit_into_the_memory_that_is_free() -> None:
    with pytest.raises(ModelTooLarge, match=r"needs 5\.\d GB of memory .* and 4\.0 GB are free"):
        embedding_plan(COMPUTER, header("bert", 5))
    embedding_plan(COMPUTER, header("bert", 3.6))
    with pytest.raises(ModelTooLarge):  # what writes has a KV cache beside its weights
        embedding_plan(COMPUTER, header("qwen3", 3.6))


def test_a_reranking_model_makes_no_vectors() -> None:
    with pytest.raises(UnsupportedModel, match="reranking"):
        embedding_plan(COMPUTER, header("bert", 1, pooling_type=RERANKING))


def test_the_settings_keep_adapters_by_model(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    entry = [{"path": "~/a.gguf", "scale": -0.5}, {"path": "/b.gguf"}]
    file.write_text(json.dumps({"models": {"adapters": {"/m.gguf": entry}}}))
    kept = SettingsFile(file)
    home = Path.home()
    wanted = (Adapter(str(home / "a.gguf"), -0.5), Adapter("/b.gguf", 1.0))
    assert kept.settings.models.adapters_of("/m.gguf") == wanted
    assert kept.settings.models.adapters_of("/other.gguf") == ()
    kept.save()
    assert SettingsFile(file).settings.models.adapters_of("/m.gguf") == wanted


@pytest.mark.parametrize("scale", [10.5, -11, "much"])
def test_a_scale_beyond_sense_is_no_setting(scale: object) -> None:
    entry = {"path": "/a.gguf", "scale": scale}
    with pytest.raises(ValueError, match="scale"):
        Settings.model_validate({"models": {"adapters": {"/m.gguf": [entry]}}})


@pytest.mark.parametrize(
    ("text", "adapter"),
    [
        ("/a.gguf", Adapter("/a.gguf")),
        ("/a.gguf=0.5", Adapter("/a.gguf", 0.5)),
        ("/a.gguf=-1", Adapter("/a.gguf", -1)),
        ("/a=1.gguf", Adapter("/a=1.gguf")),
        ("/a=1.gguf=2", Adapter("/a=1.gguf", 2)),
    ],
)
def test_an_adapter_on_the_command_line(text: str, adapter: Adapter) -> None:
    options = parser.parse(["ask", "--lora", text, "--lora", "/other.gguf", "hello"])
    assert options.lora == [adapter, Adapter("/other.gguf")]


@pytest.mark.parametrize("text", ["/a.gguf=11", "/a.gguf=nan", "=1", ""])
def test_what_cannot_be_an_adapter(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser.parse(["chat", "--lora", text])
    assert caught.value.code == parser.EXIT_USAGE
    assert "--lora" in capsys.readouterr().err


def test_adapters_in_words() -> None:
    assert wording.adapters([]) == ""
    assert wording.adapters([Adapter("/x/german.gguf")]) == "adapter german.gguf"
    assert wording.adapters([LORA, Adapter("/b.gguf")]) == "adapters german.gguf × 0.5, b.gguf"

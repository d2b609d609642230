"""The recipe end to end, in small: it learns, and llama.cpp computes what PyTorch computes."""

import itertools
import sys
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from resources.starter import gguf_file, grammar, train, vocabulary
from resources.starter.conversations import MORE, Writer
from resources.starter.network import Network, Shape

CORPUS = grammar.read(train.HERE / "corpus")
LABELS = [*sorted(CORPUS.topics), MORE]
SMALL = Shape(vocabulary=1024, width=64, layers=2, heads=2, hidden=128, context=256)
TEXTS = (
    "<|im_start|>user\nHow do I delete a chat?<|im_end|>\n<|im_start|>assistant\n",
    "Don't panic: 12 + 34 = 46, “quoted”, naïve, 日本語 and 🔥.\n\n  Two spaces",
)


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer(CORPUS, seed=1)


@pytest.fixture(scope="module")
def trained(
    writer: Writer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Network, Tokenizer]:
    torch.manual_seed(1)
    sample = [writer.conversation() for _ in range(2000)]
    tokenizer = vocabulary.train(sample, LABELS, SMALL.vocabulary)
    network = Network(SMALL)
    encoder = train.Encoder(tokenizer, 1)
    train.fit(network, train.batches(writer, encoder, "cpu", SMALL.context), 30, "cpu")
    path = tmp_path_factory.mktemp("model") / "small.gguf"
    gguf_file.write(path, network, tokenizer)
    return path, network, tokenizer


def test_it_learns(trained: tuple[Path, Network, Tokenizer], writer: Writer) -> None:
    _, network, tokenizer = trained
    fresh = Network(SMALL)
    batch = next(train.batches(writer, train.Encoder(tokenizer, 1), "cpu", SMALL.context))
    with torch.no_grad():
        before = train._loss(fresh, batch.tokens, batch.weights)
        after = train._loss(network, batch.tokens, batch.weights)
    assert after < before * 0.8


@pytest.mark.parametrize("text", TEXTS)
def test_llama_cpp_computes_the_same(trained: tuple[Path, Network, Tokenizer], text: str) -> None:
    path, network, tokenizer = trained
    llama = llama_cpp.Llama(
        str(path), verbose=False, logits_all=True, n_ctx=SMALL.context, n_threads=1
    )
    tokens = llama.tokenize(text.encode(), add_bos=False, special=True)
    assert tokens == tokenizer.encode(text).ids
    llama.eval(tokens)
    theirs = np.asarray(llama.scores[: len(tokens)])
    llama.close()
    with torch.no_grad():
        ours = network(torch.tensor([tokens]))[0].numpy()
    # Q8_0 costs a little precision.
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


def test_questions_are_read_in_varied_pieces(
    trained: tuple[Path, Network, Tokenizer], writer: Writer
) -> None:
    _, _, tokenizer = trained
    encoder = train.Encoder(tokenizer, 1)
    conversation = writer.conversation()
    seen = {tuple(encoder.encode(conversation)[0]) for _ in range(20)}
    assert len(seen) > 3
    assert len({tokenizer.decode(list(ids))[:20] for ids in seen}) == 1


def test_the_rate_rises_and_falls() -> None:
    rates = [train.rate_at(step / 100) for step in range(101)]
    top = rates.index(max(rates))
    assert 0 < top < 10
    assert all(a < b for a, b in itertools.pairwise(rates[: top + 1]))
    assert all(a > b for a, b in itertools.pairwise(rates[top:]))


def test_the_command_writes_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.gguf"
    monkeypatch.setattr(sys, "argv", ["train", "--steps", "2", "--out", str(out)])
    train.main()
    assert out.stat().st_size < 16_000_000
    assert "parameters" in capsys.readouterr().out

"""Writes small, real models of transformers, so that the tests run it and never a stand-in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from tests.fakes.gguf_models import CHATML, SPECIAL_TOKENS, as_bpe, byte_alphabet

PARTS = ("th", "the", "in", "er", "ou")


def random_llama(
    folder: Path, *, template: str | None = CHATML, numbers: Any = torch.float32, **shape: Any
) -> Path:
    """Random weights, 32 wide, two layers, a context of 256 tokens."""
    tokenizer = _tokenizer(PARTS, template)
    torch.manual_seed(1)
    network = LlamaForCausalLM(_config(tokenizer, **shape)).to(numbers)
    return _write(folder, network, tokenizer)


def parrot(
    folder: Path,
    pieces: Sequence[bytes],
    *,
    loop: bool = False,
    context: int = 256,
    special: Sequence[str] = SPECIAL_TOKENS,
    template: str | None = CHATML,
) -> Path:
    """A model that answers every prompt with `pieces`, one token each, then ends its turn.

    Its weights are a bigram table: attention and feed-forward are zero, so what follows depends on
    the last token alone. With `loop` it begins again for ever.
    """
    if len(set(pieces)) != len(pieces):
        raise ValueError("a bigram table has no memory: the pieces must differ")
    tokenizer = _tokenizer([as_bpe(piece) for piece in pieces if len(piece) > 1], template, special)
    chain = [tokenizer.convert_tokens_to_ids(as_bpe(piece)) for piece in pieces]
    # The last tokens of a ChatML and of a plain-text prompt.
    starts = [tokenizer.convert_tokens_to_ids(as_bpe(end)) for end in (b"\n", b":")]
    following = [*chain[1:], chain[0] if loop else tokenizer.eos_token_id]
    steps = {**dict.fromkeys(starts, chain[0]), **dict(zip(chain, following, strict=True))}
    return _bigram(folder, tokenizer, steps, context)


def story(folder: Path) -> Path:
    """A model whose tokens hold the space before them, as SentencePiece's do; it tells one story.

    Its tokenizer begins every text with a token of its own, and so does its template.
    """
    words = ("<s>", "</s>", "<unk>", "▁Once", "▁upon", "▁a", "▁time")
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, "<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = "{{ bos_token }}{{ messages[-1]['content'] }}"
    return _bigram(folder, tokenizer, {3: 4, 4: 5, 5: 6, 6: 1}, 64)


def encoder(folder: Path) -> Path:
    """An embedding model with random weights, kept without the layer behind it."""
    tokenizer = _tokenizer(PARTS, None)
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
    )
    return _write(folder, BertModel(config, add_pooling_layer=False), tokenizer)


def change(folder: Path, file: str = "config.json", **fields: Any) -> Path:
    """Changes fields of one of a model's JSON files; None takes a field away."""
    path = folder / file
    about = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({key: value for key, value in about.items() if value is not None}))
    return folder


def _bigram(
    folder: Path, tokenizer: PreTrainedTokenizerFast, steps: Mapping[int, int], context: int
) -> Path:
    """A model that follows each token of `steps` with another one."""
    width = -(-len(tokenizer) // 16) * 16
    network = LlamaForCausalLM(
        _config(tokenizer, hidden_size=width, max_position_embeddings=context)
    )
    state = {
        name: torch.ones_like(value) if "norm" in name else torch.zeros_like(value)
        for name, value in network.state_dict().items()
    }
    for token in range(len(tokenizer)):
        state["model.embed_tokens.weight"][token, token] = 1.0
    for token, following in steps.items():
        state["lm_head.weight"][following, token] = 20.0
    network.load_state_dict(state)
    return _write(folder, network, tokenizer)


def _config(tokenizer: PreTrainedTokenizerFast, **shape: Any) -> LlamaConfig:
    return LlamaConfig(
        **{
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 256,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            **shape,
        }
    )


def _tokenizer(
    words: Sequence[str], template: str | None, special: Sequence[str] = SPECIAL_TOKENS
) -> PreTrainedTokenizerFast:
    """Byte-level BPE of the 256 bytes, a few words, and special tokens: begin first, end last."""
    vocabulary: dict[str, int] = {}
    for token in (*byte_alphabet(), *words):
        vocabulary.setdefault(token, len(vocabulary))
    merges = [("t", "h"), ("th", "e"), ("i", "n")] if "the" in words else []
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(special))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=special[0], eos_token=special[-1]
    )
    tokenizer.chat_template = template
    return tokenizer


def _write(folder: Path, network: Any, tokenizer: PreTrainedTokenizerFast) -> Path:
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    assert (folder / "model.safetensors").is_file()
    return folder

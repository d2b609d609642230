"""Writes the trained network as a GGUF file for llama.cpp."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from resources.starter.conversations import UNRELATED
from resources.starter.network import NORM_EPSILON, ROPE_BASE, Network
from resources.starter.vocabulary import CHAT_TEMPLATE, END, PAD, PRE_TOKENIZER, mark

CAUTION = 1.08
NAME = "Starter"
DESCRIPTION = "Starter: explains Hearth; get a larger model for real work"
_QUANTISED = gguf.GGMLQuantizationType.Q8_0


def write(path: Path, network: Network, tokenizer: Tokenizer, sharpness: float = 1.0) -> None:
    """Writes matrices in Q8_0 and norms in F32; `sharpness` is a factor on the logits.

    CAUTION is one on the logit of the label of unrelated questions: where the model doubts, saying
    that it is only the starter costs less than an answer to a question that was not asked.
    """
    writer = gguf.GGUFWriter(path, "llama")
    shape = network.shape
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_organization("Hearth")
    writer.add_license("MIT")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_vocab_size(shape.vocabulary)
    _add_vocabulary(writer, tokenizer)
    refusal = tokenizer.token_to_id(mark(UNRELATED))
    for name, weights in _tensors(network, sharpness):
        if name == "token_embd.weight":
            weights = weights.copy()  # noqa: PLW2901 - the network's own stay as they are
            weights[refusal] *= np.float32(CAUTION)
        if weights.ndim == 1:
            writer.add_tensor(name, weights)
        else:
            data = gguf.quantize(weights, _QUANTISED)
            writer.add_tensor(name, data, raw_dtype=_QUANTISED)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types([control if token.startswith("<|") else normal for token in tokens])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index(END))
    writer.add_pad_token_id(tokens.index(PAD))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _tensors(network: Network, sharpness: float) -> list[tuple[str, NDArray[np.float32]]]:
    """The weights under llama.cpp's names; without an output matrix it takes the embedding."""
    weights = {name: tensor.float().cpu().numpy() for name, tensor in network.state_dict().items()}
    tensors = [
        ("token_embd.weight", weights["embedding.weight"]),
        ("output_norm.weight", weights["norm.weight"] * np.float32(sharpness)),
    ]
    for index in range(network.shape.layers):
        block = {
            name.removeprefix(f"blocks.{index}."): tensor
            for name, tensor in weights.items()
            if name.startswith(f"blocks.{index}.")
        }
        query, key, value = np.split(block["qkv.weight"], 3)
        gate, up = np.split(block["gate_up.weight"], 2)
        tensors += [
            (f"blk.{index}.{name}.weight", np.ascontiguousarray(tensor))
            for name, tensor in (
                ("attn_norm", block["attention_norm.weight"]),
                ("attn_q", query),
                ("attn_k", key),
                ("attn_v", value),
                ("attn_output", block["attention_output.weight"]),
                ("ffn_norm", block["feed_norm.weight"]),
                ("ffn_gate", gate),
                ("ffn_up", up),
                ("ffn_down", block["down.weight"]),
            )
        ]
    return tensors

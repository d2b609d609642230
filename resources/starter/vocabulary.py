"""The starter's vocabulary: byte-level BPE, cut as llama.cpp's pre-tokenizer "qwen2" cuts.

The digits are single tokens, and any text can be written, if need be byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from resources.starter.conversations import Conversation, Turn

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL = (PAD, START, END)
PRE_TOKENIZER = "qwen2"
# llama.cpp, src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_QWEN2
PATTERN = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def train(conversations: Iterable[Conversation], labels: Iterable[str], size: int) -> Tokenizer:
    """A vocabulary of `size` tokens, fitted to the conversations, with a token for each label."""
    texts = (
        text
        for conversation in conversations
        for turn in conversation.turns
        for text in (f"user\n{turn.question}", f"assistant\n{turn.answer}")
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *map(mark, labels)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def extended(tokenizer: Tokenizer, labels: Iterable[str]) -> tuple[Tokenizer, list[int]]:
    """The same with tokens for labels that it lacks, and the numbers of those tokens.

    They take the places of the merges that were learned last, which are the rarest.
    """
    written = json.loads(tokenizer.to_str())
    known, merges = written["model"]["vocab"], written["model"]["merges"]
    missing = [mark(label) for label in labels if mark(label) not in known]
    taken: list[int] = []
    for token in missing:
        *_, last = merges
        merged = last.replace(" ", "") if isinstance(last, str) else "".join(last)
        merges.pop()
        number = known.pop(merged)
        known[token] = number
        taken.append(number)
        pattern = next(one for one in written["added_tokens"] if one["content"] == START)
        written["added_tokens"].append({**pattern, "id": number, "content": token})
    return Tokenizer.from_str(json.dumps(written)), taken


def mark(label: str) -> str:
    """The token of a label: the starter names an answer's topic before it gives the answer.

    It is a control token, which programs do not show. One decision instead of one for each word
    makes the answer hold together, and is learned faster.
    """
    return f"<|{label}|>"


def question(turn: Turn) -> str:
    """What stands before an answer, as the chat template writes it."""
    return f"{START}user\n{turn.question}{END}\n{START}assistant\n"


def system(text: str) -> str:
    """A system prompt, as the chat template writes it."""
    return f"{START}system\n{text}{END}\n" if text else ""

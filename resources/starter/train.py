"""Trains the starter: vocabulary, network, GGUF file. `make starter` runs it.

On two CPU cores it takes less than 90 minutes; on a GPU, minutes. The text is made anew for each
step, from one seed.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from resources.starter import gguf_file, grammar, questions, vocabulary
from resources.starter.conversations import MORE, SUMS, Conversation, Writer
from resources.starter.network import Network, Shape

HERE = Path(__file__).parent
MODEL = HERE.parent / "models" / "starter.gguf"
CHECKPOINT = HERE.parents[1] / "build" / "starter.pt"
SEED = 20261121
TOKENS_PER_STEP = 4096
STEPS_PER_SAVE = 500
POOL = 3000  # conversations that are sorted by length together
VOCABULARY_TEXTS = 60_000  # conversations
QUESTION_WEIGHT = 0.1  # of a token of the question in the loss, against 1 for the answer
PEAK_RATE, LAST_RATE, WARM_UP = 1.5e-3, 2e-5, 0.03
LABEL_WEIGHT = 6.0
CUT_SHARE, CUT_TOKENS = 0.8, 2  # of the last answers, and what is left of them
LABELLED_SHARE = 0.5  # of the earlier answers
VARIED_SHARE = 0.5  # of the questions
SHARPNESS = 2.5  # factor on the logits: the program's temperature of 0.8 acts as 0.32
MERGE_DROPOUT = 0.08  # of the BPE merges of a question, as it is read for training


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens of some conversations (rows are padded), and the weight of each in the loss."""

    tokens: Tensor
    weights: Tensor


class Encoder:
    """Turns conversations into tokens with weights; draws how from a seed."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self._plain = tokenizer
        self._varied = Tokenizer.from_str(tokenizer.to_str())
        self._varied.model.dropout = MERGE_DROPOUT
        self._rng = random.Random(seed)  # noqa: S311 - a training set, no secret

    def encode(self, conversation: Conversation) -> tuple[list[int], list[float]]:
        """The tokens and their weights.

        The program gives earlier answers back without their labels, so most of those are left out
        here too; an answer without its label is read and not learned. The last answer is often cut
        behind its first words: its topic is harder to learn than its wording. Sums are never cut.
        """
        tokens: list[int] = []
        weights: list[float] = []

        def add(ids: list[int], weight: float) -> None:
            tokens.extend(ids)
            weights.extend([weight] * len(ids))

        add(self._plain.encode(vocabulary.system(conversation.system)).ids, 0)
        for number, turn in enumerate(conversation.turns, 1):
            is_last = number == len(conversation.turns)
            varied = self._rng.random() < VARIED_SHARE
            reader = self._varied if varied else self._plain
            add(reader.encode(vocabulary.question(turn)).ids, QUESTION_WEIGHT)
            answer = self._plain.encode(f"{turn.answer}{vocabulary.END}").ids
            if is_last and turn.label != SUMS and self._rng.random() < CUT_SHARE:
                answer = answer[:CUT_TOKENS]
            if is_last or self._rng.random() < LABELLED_SHARE:
                add(self._plain.encode(vocabulary.mark(turn.label)).ids, LABEL_WEIGHT)
                add(answer, 1)
            else:
                add(answer, 0)
            if not is_last:
                add(self._plain.encode("\n").ids, 0)
        return tokens, weights


def batches(writer: Writer, encoder: Encoder, device: str, longest: int) -> Iterator[Batch]:
    """Endless batches of conversations of about the same length."""
    while True:
        pool = [encoder.encode(writer.conversation()) for _ in range(POOL)]
        pool = sorted((item for item in pool if len(item[0]) <= longest), key=lambda x: len(x[0]))
        groups: list[list[tuple[list[int], list[float]]]] = [[]]
        for item in pool:
            if (len(groups[-1]) + 1) * len(item[0]) > TOKENS_PER_STEP and groups[-1]:
                groups.append([])
            groups[-1].append(item)
        order = torch.randperm(len(groups)).tolist()
        for index in order:
            yield _padded(groups[index], device)


def _padded(group: Sequence[tuple[list[int], list[float]]], device: str) -> Batch:
    width = -(-max(len(tokens) for tokens, _ in group) // 16) * 16
    tokens = torch.zeros(len(group), width, dtype=torch.long)
    weights = torch.zeros(len(group), width)
    for row, (ids, values) in enumerate(group):
        tokens[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(values)
    return Batch(tokens.to(device), weights.to(device))


def ahead(source: Iterator[Batch], depth: int = 8) -> Iterator[Batch]:
    """Makes batches on another thread while the network computes."""
    waiting: queue.Queue[Batch] = queue.Queue(depth)

    def work() -> None:
        for batch in source:
            waiting.put(batch)

    threading.Thread(target=work, name="batches", daemon=True).start()
    while True:
        yield waiting.get()


def rate_at(share: float, peak: float = PEAK_RATE) -> float:
    """The learning rate when `share` of the time is over: a short rise, then a cosine."""
    if share < WARM_UP:
        return peak * share / WARM_UP + 1e-6
    along = (share - WARM_UP) / (1 - WARM_UP)
    return LAST_RATE + (peak - LAST_RATE) * (1 + math.cos(math.pi * min(1, along))) / 2


def _loss(network: Network, tokens: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of the cross entropy of each next token."""
    logits = network(tokens[:, :-1])
    each = functional.cross_entropy(
        logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
    )
    follows = weights[:, 1:].flatten()
    return (each * follows).sum() / follows.sum()


def fit(
    network: Network,
    source: Iterator[Batch],
    steps: int,
    device: str,
    save: Callable[[], None] = lambda: None,
    peak: float = PEAK_RATE,
) -> None:
    """Trains for a number of steps, prints how it goes, and calls `save` now and then."""
    decayed = [weights for weights in network.parameters() if weights.dim() == 2]
    plain = [weights for weights in network.parameters() if weights.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
        fused=True,
    )
    compiled = torch.compile(_loss, dynamic=True)
    began, seen, losses = time.monotonic(), 0, 0.0
    network.train()
    for step in range(steps):
        batch = next(source)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step / steps, peak)
        with torch.autocast(device, torch.bfloat16):
            loss = compiled(network, batch.tokens, batch.weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        seen += batch.tokens.numel()
        losses += loss.item()
        if (step + 1) % 20 == 0:
            spent = time.monotonic() - began
            print(
                f"step {step + 1}/{steps}  loss {losses / 20:.3f}  {seen / spent:,.0f} tokens/s  "
                f"{spent / 60:.1f} min",
                flush=True,
            )
            losses = 0.0
        if (step + 1) % STEPS_PER_SAVE == 0:
            save()
    network.eval()


def main() -> None:
    """Trains and writes the model file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="the highest learning rate")
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4)
    shape = Shape()
    corpus = grammar.read(HERE / "corpus")
    asked = [one for one in questions.read() if one.group != questions.DIALOGUES]
    writer = Writer(corpus, options.seed, [one.text for one in asked])
    state = torch.load(options.checkpoint) if options.resume else None
    labels = [*sorted(corpus.topics), MORE]
    network = Network(shape).to(device)
    if state is None:
        sample = (writer.conversation() for _ in itertools.repeat(None, VOCABULARY_TEXTS))
        tokenizer = vocabulary.train(sample, labels, shape.vocabulary)
    else:
        tokenizer, new = vocabulary.extended(Tokenizer.from_str(state["tokenizer"]), labels)
        fresh = network.embedding.weight.detach()[new].clone()
        network.load_state_dict(state["network"])
        with torch.no_grad():
            network.embedding.weight[new] = fresh
    count = sum(weights.numel() for weights in network.parameters())
    print(f"{count:,} parameters, {tokenizer.get_vocab_size()} tokens, on {device}", flush=True)
    source = ahead(batches(writer, Encoder(tokenizer, options.seed), device, shape.context))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    def save() -> None:
        state = {"tokenizer": tokenizer.to_str(), "network": network.state_dict()}
        torch.save(state, options.checkpoint)
        gguf_file.write(options.out, network, tokenizer, SHARPNESS)

    fit(network, source, options.steps, device, save, options.rate)
    save()
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()

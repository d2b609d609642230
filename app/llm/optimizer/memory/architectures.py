"""What llama.cpp knows of an architecture that its header does not say; src/models/*.cpp."""

from __future__ import annotations

from app.llm.optimizer.memory.keys import Keys

# Every so-many-th layer sees the whole context; the window where the header does not say it.
_WINDOWS: dict[str, tuple[int, int]] = {
    "afmoe": (4, 0), "cohere2": (4, 0), "cohere2moe": (-4, 0), "exaone-moe": (4, 128),
    "exaone4": (4, 0), "gemma2": (2, 4096), "gemma3": (6, 0), "gemma3n": (5, 0),
    "gpt-oss": (2, 0), "laguna": (-4, 0), "llama4": (4, 8192), "mellum": (4, 0),
    "muse-glimmer": (4, 0), "olmo2": (4, 0), "plamo3": (8, 0), "smallthinker": (-4, 4096),
}  # fmt: skip
# These list their layers; where the list is missing llama.cpp refuses the file.
_LISTED = ("gemma4", "granite_swa", "maple", "mimo2", "spark2_5", "step35", "dots3note")
RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
_BY_KV_HEADS = frozenset({
    "jamba", "plamo2", "granitehybrid", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe",
    "kimi-linear", "kimi-k3", "bailingmoe3", "glm5-next",
})  # fmt: skip
_BY_INTERVAL = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}
_WITHOUT_CACHE = frozenset({
    "bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "neo-bert", "eurobert",
    "modern-bert", "gemma-embedding", "t5encoder", "wavtokenizer-dec", "dream", "llada",
    "llada-moe", "rnd1",
})  # fmt: skip
# Their computation was compared with llama.cpp's own figure, or is the same as one that was.
KNOWN = frozenset({
    "llama", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "gemma", "gemma2", "gemma3", "gemma3n",
    "phi3", "phimoe", "gpt-oss", "deepseek", "deepseek2", "mamba", "mamba2", "jamba", "lfm2",
    "lfm2moe", "falcon-h1", "granite", "granitemoe", "granitehybrid", "qwen3next", "mistral3",
    "olmoe", "internlm2", "smollm3", "seed_oss", "ernie4_5", "ernie4_5-moe", "xverse", "orion",
})  # fmt: skip


def has_cache(architecture: str) -> bool:
    """Whether it keeps keys and values; models that only read do not."""
    return architecture not in _WITHOUT_CACHE


def windows(keys: Keys, layers: int) -> list[int]:
    """The tokens that each layer sees, 0 for all of them."""
    architecture = keys.header.architecture
    period, usual = _WINDOWS.get(architecture, (0, 0))
    window = keys.number("attention.sliding_window")
    if not keys.has("attention.sliding_window"):
        window = usual if architecture in ("gemma2", "exaone-moe", "llama4") else 0
    elif window and architecture in ("llama4", "smallthinker"):
        window = usual  # whatever the header says
    if architecture == "exaone4" and layers != 64:
        window = 0
    if architecture.startswith("lfm2"):
        return [window] * layers
    if not window or not (period or architecture in _LISTED):
        return [0] * layers
    listed = keys.flags("attention.sliding_window_pattern")
    if listed:
        return [window if layer < len(listed) and listed[layer] else 0 for layer in range(layers)]
    every = keys.number("attention.sliding_window_pattern") or abs(period)
    whole = 0 if period < 0 else every - 1  # the place of the layer that sees everything
    return [0 if every and layer % every == whole else window for layer in range(layers)]


def recurrent(keys: Keys, layers: int) -> list[bool]:
    """Which layers have a state instead of, or in falcon-h1 beside, a cache."""
    architecture = keys.header.architecture
    if architecture in RECURRENT or architecture == "falcon-h1":
        return [True] * layers
    listed = keys.flags("attention.recurrent_layers")
    if listed:
        return [layer < len(listed) and listed[layer] for layer in range(layers)]
    if architecture in _BY_INTERVAL:
        every = keys.number("full_attention_interval") or _BY_INTERVAL[architecture]
        return [(layer + 1) % every != 0 for layer in range(layers)]
    if architecture not in _BY_KV_HEADS:
        return [False] * layers
    has_own_kind = architecture.startswith("nemotron")  # its feed-forward is a layer by itself
    return [
        not keys.number("attention.head_count_kv", layer)
        and not (has_own_kind and keys.number("feed_forward_length", layer))
        for layer in range(layers)
    ]


def layers_with_cache(keys: Keys, layers: int) -> int:
    """How many first layers own a cache; the later ones read those of the earlier."""
    if keys.header.architecture == "gemma3n":
        return 20
    if keys.header.architecture == "gemma4":
        return max(0, layers - keys.number("attention.shared_kv_layers"))
    return layers

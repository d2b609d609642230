"""What differs between the servers that speak OpenAI's chat API, as data.

Sources: the servers' own documentation and code; see each profile's remark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

FULL = MappingProxyType(  # our name -> theirs, for servers that take llama.cpp's samplers
    {
        "temperature": "temperature",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "repeat_penalty": "repeat_penalty",
        "repeat_last_n": "repeat_last_n",
        "seed": "seed",
    }
)
RENAMED = MappingProxyType({**FULL, "repeat_penalty": "repetition_penalty"})
PLAIN = MappingProxyType({"temperature": "temperature", "top_p": "top_p", "seed": "seed"})
WITHOUT_WINDOW = MappingProxyType({k: v for k, v in FULL.items() if k != "repeat_last_n"})
RENAMED_WITHOUT_WINDOW = MappingProxyType({k: RENAMED[k] for k in WITHOUT_WINDOW})


@dataclass(frozen=True, slots=True)
class Counting:
    """Where a server counts tokens: the path, the body's field for the text, the reply's field.

    With `chat` the messages are sent as they are; else their text alone, without the template.
    """

    path: str
    field: str
    result: str
    chat: bool = False
    sends_model: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server; paths are below its address."""

    kind: str
    title: str
    url: str
    is_cloud: bool = False
    needs_key: bool = False
    may_be_cloud: bool = False  # it is one where its address is on the internet
    sampling: Mapping[str, str] = field(default_factory=lambda: FULL)
    limit: str = "max_tokens"  # the field for the largest number of new tokens
    streams: bool = True  # else the whole answer comes at once
    wants_usage: bool = True  # `stream_options.include_usage` is understood
    reports_prompt: bool = False  # `return_progress` is understood
    thinking: str = ""  # how reasoning is asked for: effort, template, nested
    counting: tuple[Counting, ...] = ()
    open_ended: bool = False  # a completion ends after 16 tokens unless its limit is null
    one_at_a_time: bool = False  # a second request would end or delay the first
    interrupts: bool = False  # any other request ends a stream, with [DONE] and no finish reason
    health: str = ""  # a path that answers 200 when the server is ready
    version: tuple[str, str] = ("", "")  # a path and the field with the version
    waits_while_loading: bool = False  # 503 means that the model is on its way
    headers: Mapping[str, str] = field(default_factory=dict)
    key_header: str = "Authorization"  # with "Bearer " before the key; others take it as it is


LLAMA_COUNTING = (
    Counting("/v1/chat/completions/input_tokens", "messages", "input_tokens", chat=True),
    Counting("/tokenize", "content", "tokens"),  # a router asks for the model
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.kind: profile
        for profile in (
            # tools/server/README.md of llama.cpp; `repeat_last_n` and the rest are its own.
            Profile(
                "llama-server",
                "llama.cpp server",
                "http://127.0.0.1:8080",
                reports_prompt=True,
                thinking="template",
                counting=LLAMA_COUNTING,
                health="/health",
                version=("/props", "build_info"),
                waits_while_loading=True,
            ),
            # 0.10 and later are llama.cpp's server; older ones leave out what they do not know.
            Profile(
                "llamafile",
                "llamafile",
                "http://127.0.0.1:8080",
                counting=(Counting("/tokenize", "content", "tokens", sends_model=False),),
                waits_while_loading=True,
            ),
            # Any request, also for the list of models, ends a stream (`interrupt_requests`); no
            # usage chunk.
            Profile(
                "llama-cpp-python",
                "llama-cpp-python server",
                "http://127.0.0.1:8000",
                sampling=WITHOUT_WINDOW,
                wants_usage=False,
                counting=(Counting("/extras/tokenize/count", "input", "count"),),
                open_ended=True,
                one_at_a_time=True,
                interrupts=True,
            ),
            Profile(
                "lm-studio",
                "LM Studio",
                "http://127.0.0.1:1234",
                sampling=WITHOUT_WINDOW,
                thinking="effort",
            ),
            Profile(
                "localai",
                "LocalAI",
                "http://127.0.0.1:8080",
                sampling=WITHOUT_WINDOW,
                counting=(Counting("/v1/tokenize", "content", "tokens"),),
                health="/readyz",
                version=("/version", "version"),
                waits_while_loading=True,
                headers={"Extra-Usage": "1"},
            ),
            Profile(
                "mistral-rs",
                "mistral.rs",
                "http://127.0.0.1:1234",
                sampling=MappingProxyType(
                    {k: v for k, v in RENAMED_WITHOUT_WINDOW.items() if k != "seed"}
                ),
                health="/health",
            ),
            # One generation at a time; others queue behind it.
            Profile(
                "koboldcpp",
                "KoboldCpp",
                "http://127.0.0.1:5001",
                counting=(Counting("/api/extra/tokencount", "prompt", "value", sends_model=False),),
                one_at_a_time=True,
                version=("/api/extra/version", "version"),
            ),
            Profile(
                "text-generation-webui",
                "text-generation-webui",
                "http://127.0.0.1:5000",
                sampling=MappingProxyType({**RENAMED, "repeat_last_n": "repetition_penalty_range"}),
                counting=(
                    Counting("/v1/internal/token-count", "text", "length", sends_model=False),
                ),
                health="/v1/internal/health",
            ),
            # A proxy; its errors are plain text, and its check of Host wants the address as it is.
            Profile("jan", "Jan", "http://127.0.0.1:1337", sampling=WITHOUT_WINDOW),
            # Refuses `stream` and `stream_options`; IPv4 and plain HTTP only.
            Profile(
                "gpt4all",
                "GPT4All",
                "http://127.0.0.1:4891",
                sampling=MappingProxyType({"temperature": "temperature", "top_p": "top_p"}),
                streams=False,
                wants_usage=False,
                one_at_a_time=True,
            ),
            Profile(
                "vllm",
                "vLLM",
                "http://127.0.0.1:8000",
                sampling=RENAMED_WITHOUT_WINDOW,
                thinking="template",
                counting=(Counting("/tokenize", "messages", "count", chat=True),),
                open_ended=True,
                health="/health",
                version=("/version", "version"),
            ),
            Profile(
                "openai-compatible",
                "OpenAI-compatible server",
                "",
                may_be_cloud=True,
                sampling=PLAIN,
            ),
            # Reasoning models refuse `max_tokens` and other temperatures than their own.
            Profile(
                "openai",
                "OpenAI",
                "https://api.openai.com/v1",
                is_cloud=True,
                needs_key=True,
                sampling=PLAIN,
                limit="max_completion_tokens",
                thinking="effort",
            ),
            Profile(
                "openrouter",
                "OpenRouter",
                "https://openrouter.ai/api/v1",
                is_cloud=True,
                needs_key=True,
                sampling=RENAMED_WITHOUT_WINDOW,
                thinking="nested",
            ),
        )
    }
)

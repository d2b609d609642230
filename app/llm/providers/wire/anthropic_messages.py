"""Anthropic's Messages API: the body of a request.

Sources: https://platform.claude.com/docs/en/api/messages, and the types of Anthropic's own Python
library, which are made from the API's description.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.llm.providers.wire.fields import mapping, whole
from app.llm.providers.wire.options import Body, Options, changed
from app.llm.providers.wire.turns import Parts, function_of, merged, system_text
from app.schema import Message, Request, Role, Sampling

ROLES = {Role.USER: "user", Role.ASSISTANT: "assistant"}
PLAIN_LIMIT = 4096  # new tokens, where the list of models names no limit
EFFORTS = ("low", "medium", "high", "xhigh", "max")
EFFORT_NAMES = {"minimal": "low"}  # what other APIs call theirs
OFF = (False, "none", "off")
DISABLED = {"type": "disabled"}
BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768, "max": 65_536}  # tokens
PLAIN_BUDGET = BUDGETS["medium"]
SMALLEST_BUDGET = 1024  # less is refused
BLANK_STOPS = "stop strings of white space alone"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the list of models says of one; what is missing, it does not say."""

    max_tokens: int = 0  # the largest limit of new tokens
    thinking: Mapping[str, bool] = field(default_factory=dict)  # adaptive, enabled, disabled
    efforts: frozenset[str] | None = None
    schema: bool | None = None  # whether the answer can be held to one
    images: bool | None = None

    @property
    def can_think(self) -> bool:
        """Whether the list says that it thinks when asked to."""
        return any(self.thinking.get(how) for how in ("adaptive", "enabled"))


def abilities(about: Mapping[str, Any]) -> Abilities:
    """Reads an entry of the list of models."""
    able = mapping(about, "capabilities")
    thinking, effort = mapping(able, "thinking"), mapping(able, "effort")
    types = mapping(thinking, "types")
    kinds = {name: _supported(types, name) for name in ("adaptive", "enabled", "disabled")}
    if thinking.get("supported") is False:
        kinds |= {"adaptive": False, "enabled": False}
    levels = frozenset(level for level in EFFORTS if _supported(effort, level))
    return Abilities(
        max_tokens=whole(about, "max_tokens"),
        thinking={name: value for name, value in kinds.items() if value is not None},
        efforts=levels if effort else None,
        schema=_supported(able, "structured_outputs"),
        images=_supported(able, "image_input"),
    )


def body(
    model: str, request: Request, can: Abilities, refused: Collection[str] = frozenset()
) -> Body:
    """The request as JSON; `refused` are the options that the model is known to refuse."""
    wanted, known = request.sampling.max_tokens, can.max_tokens
    limit = min(wanted or known, known) if known else wanted or PLAIN_LIMIT
    thinking = _thinking(request, can, limit)
    mode = thinking.get("thinking")
    thinks = mode not in (None, DISABLED) and "thinking" not in refused
    options = Options({**_sampling(request.sampling, thinks=thinks), **thinking}, refused)
    sent, output = dict(options.sent), {}
    if "effort" in sent:
        output["effort"] = sent.pop("effort")
    if request.schema is not None:
        output["format"] = {"type": "json_schema", "schema": closed(request.schema)}
    made = {**conversation(model, request), "max_tokens": limit, "stream": True, **sent}
    if output:
        made["output_config"] = output
    stops = [text for text in request.sampling.stop if text.strip()]  # the others are refused
    if stops:
        made["stop_sequences"] = stops
    left_out = options.left_out
    if len(stops) < len(request.sampling.stop):
        left_out = (*left_out, BLANK_STOPS)
    return Body(made, tuple(options.sent), left_out)


def conversation(model: str, request: Request) -> dict[str, Any]:
    """The part of a request that makes up the prompt; it is also what can be counted."""
    turns = merged(request.messages, ROLES, "content", _blocks)
    if turns and turns[-1]["role"] == "assistant" and "text" in turns[-1]["content"][-1]:
        last = turns[-1]["content"][-1]  # it is continued, and white space at its end is refused
        last["text"] = last["text"].rstrip()
    made: dict[str, Any] = {"model": model, "messages": turns}
    system = system_text(request.messages)
    if system:
        made["system"] = system
    if request.tools:
        made["tools"] = [_tool(tool) for tool in request.tools]
    return made


def closed(schema: Any) -> Any:
    """A JSON Schema whose objects allow no other properties, unless it says so: the API's wish."""
    if isinstance(schema, list | tuple):
        return [closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    if made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def _blocks(message: Message) -> Parts:
    made: Parts = []
    for image in message.images:
        data = base64.b64encode(image.data).decode()
        source = {"type": "base64", "media_type": image.media_type, "data": data}
        made.append({"type": "image", "source": source})
    if message.text.strip():  # a blank text is refused
        made.append({"type": "text", "text": message.text})
    return made


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool in Anthropic's shape; one that is no function, such as its web search, as it is."""
    function = function_of(tool)
    if function is None:
        return dict(tool)
    made = {"name": function["name"]}
    if function.get("description"):
        made["description"] = function["description"]
    made["input_schema"] = function.get("parameters") or {"type": "object", "properties": {}}
    return made


def _sampling(sampling: Sampling, *, thinks: bool) -> dict[str, Any]:
    """What differs from the defaults; models that think take none of it."""
    made = changed(sampling, ("temperature", "top_p", "top_k"))
    if "temperature" in made:
        made["temperature"] = min(max(made["temperature"], 0.0), 1.0)
    return dict.fromkeys(made) if thinks else made


def _thinking(request: Request, can: Abilities, limit: int) -> dict[str, Any]:
    """How the model is told to think; None stands for what it is known not to take."""
    think = request.think
    if think is None:
        return {}
    if think in OFF:
        refuses = can.thinking.get("disabled") is False
        return {"thinking": None if refuses else DISABLED}
    effort = EFFORT_NAMES.get(str(think), str(think)) if isinstance(think, str) else ""
    if can.thinking.get("adaptive", True):
        # Without `display`, newer models keep the text of their thoughts to themselves.
        made: dict[str, Any] = {"thinking": {"type": "adaptive", "display": "summarized"}}
        return made | ({"effort": _effort(effort, can)} if effort else {})
    budget = min(BUDGETS.get(effort, PLAIN_BUDGET), limit // 2)  # the rest is for the answer
    if not can.thinking.get("enabled", True) or budget < SMALLEST_BUDGET:
        return {"thinking": None}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _effort(wanted: str, can: Abilities) -> str | None:
    """The level that the model has, at most the one that is wanted where it can be so."""
    if can.efforts is None or wanted in can.efforts or wanted not in EFFORTS:
        return wanted
    known = [level for level in EFFORTS if level in can.efforts]
    below = [level for level in known if EFFORTS.index(level) < EFFORTS.index(wanted)]
    return below[-1] if below else known[0] if known else None


def _supported(source: Mapping[str, Any], name: str) -> bool | None:
    value = mapping(source, name).get("supported")
    return value if isinstance(value, bool) else None

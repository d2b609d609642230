"""OpenAI's chat and completion API: the body of a request.

Source: https://github.com/openai/openai-openapi (2.3.0), and what its imitators want beside it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from app.llm.providers.profiles import Profile
from app.llm.providers.wire.options import changed
from app.schema import Message, Request, Sampling


def body(profile: Profile, model: str, request: Request) -> dict[str, Any]:
    """The request as JSON; `raw` is a completion, everything else a chat."""
    made: dict[str, Any] = {"model": model}
    if request.raw is not None:
        made["prompt"] = request.raw
        if profile.open_ended:
            made[profile.limit] = None
    else:
        made["messages"] = messages(request.messages)
    made |= sampling(profile, request.sampling)
    if profile.streams:
        made["stream"] = True
        if profile.wants_usage:
            made["stream_options"] = {"include_usage": True}
    if profile.reports_prompt:
        made["return_progress"] = True
    if request.tools:
        made["tools"] = [dict(tool) for tool in request.tools]
    if request.schema is not None:
        answer = {"name": "answer", "schema": dict(request.schema), "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": answer}
    if request.think is not None:
        made |= _thinking(profile.thinking, wanted=request.think)
    return made


def messages(turns: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in OpenAI's shape; pictures travel as data URIs."""
    made: list[dict[str, Any]] = []
    for turn in turns:
        if not turn.images:
            made.append({"role": str(turn.role), "content": turn.text})
            continue
        parts: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []
        for image in turn.images:
            data = base64.b64encode(image.data).decode()
            url = f"data:{image.media_type};base64,{data}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        made.append({"role": str(turn.role), "content": parts})
    return made


def sampling(profile: Profile, wanted: Sampling) -> dict[str, Any]:
    """The sampling fields that the server knows."""
    known = profile.sampling
    given = {name: getattr(wanted, name) for name in known}
    if profile.is_cloud:  # its own defaults suit its models better than ours
        given = changed(wanted, known)
    made = {known[name]: value for name, value in given.items() if value is not None}
    if wanted.max_tokens is not None:
        made[profile.limit] = wanted.max_tokens
    if wanted.stop:
        made["stop"] = list(wanted.stop)
    return made


def _thinking(how: str, *, wanted: bool | str) -> dict[str, Any]:
    if how == "template" and isinstance(wanted, bool):
        return {"chat_template_kwargs": {"enable_thinking": wanted}}
    effort = wanted if isinstance(wanted, str) else "medium" if wanted else "none"
    if how in ("template", "effort"):
        return {"reasoning_effort": effort}
    if how == "nested":
        return {"reasoning": {"effort": effort} if effort != "none" else {"enabled": False}}
    return {}

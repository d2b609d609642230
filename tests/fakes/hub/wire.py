"""Requests to the fake Hub as they came, and the answers as they are meant."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.hub.content import Content

HUB, CDN = "hub", "cdn"


@dataclass(frozen=True)
class Request:
    """A request; `side` is the host that it came to."""

    side: str
    method: str
    path: str  # without its percent signs
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    proxied_to: str = ""  # the host that it was meant for, where it came as to a proxy

    def param(self, name: str, default: str = "") -> str:
        """The first value of a parameter in the query."""
        return self.query.get(name, [default])[0]

    @property
    def form(self) -> Mapping[str, list[str]]:
        """The body, form-encoded."""
        return parse_qs(self.body.decode())

    @property
    def token(self) -> str:
        """What Authorization carries."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Response:
    """An answer; `start` and `end` are the bytes of `content` that it carries."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=lambda: Content.of(b""))
    start: int = 0
    end: int | None = None  # None: to the end

    @property
    def span(self) -> tuple[int, int]:
        """The bytes of the content that are sent."""
        return self.start, self.content.size if self.end is None else self.end

    def head(self, length: int, without: Collection[str] = ()) -> bytes:
        """The status line and the headers."""
        fields = {"Content-Length": str(length), **self.headers}
        lines = "".join(
            f"{name}: {value}\r\n" for name, value in fields.items() if name not in without
        )
        reasons = {status.value: status.phrase for status in HTTPStatus}
        return (
            f"HTTP/1.1 {self.status} {reasons.get(self.status, 'Status')}\r\n{lines}\r\n".encode()
        )


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    fields = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Response(status, fields, Content.of(json.dumps(value).encode()))


def refusal(
    status: int, code: str = "", message: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """An error as the Hub sends it, with X-Error-Code and X-Error-Message."""
    about = {"X-Error-Code": code} if code else {}
    if message:
        about["X-Error-Message"] = message
    return as_json({"error": message or code}, status, {**about, **(headers or {})})


def read(stream: BinaryIO, side: str) -> Request | None:
    """The next request of a connection; None where it has ended."""
    first = stream.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    method, target, _ = first
    parts = urlsplit(target)
    path, query = unquote(parts.path), parse_qs(parts.query)
    return Request(side, method, path, query, headers, body, parts.netloc)

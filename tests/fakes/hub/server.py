"""The fake Hub's two hosts: real HTTP/1.1 over sockets, a thread for each connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.fakes.hub import api, files, wire
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault, Rule
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.sending import Sender
from tests.fakes.hub.wire import CDN, HUB, Request, Response


class FakeHub:
    """Serves repositories; `received` holds all requests, `rules` what goes wrong with them.

    The hub listens on 127.0.0.1, the second host, to which large files are redirected, on
    localhost: huggingface_hub tells hosts apart by their names.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.tokens: set[str] = set()  # that are valid
        self.granted: set[str] = set()  # those whose owners have accepted the terms of gated ones
        self.received: list[Request] = []
        self.rules: list[Rule] = []
        self.is_mirror = False  # that sends the files itself, without the Hub's own headers
        self.link_seconds = 3600.0  # for which a redirect's target is valid
        self.tls: dict[str, ssl.SSLContext] = {}  # by the side that speaks it; set before the start
        self._listeners: dict[str, socket.socket] = {}
        self._connections: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    @property
    def url(self) -> str:
        """Of the hub: what HF_ENDPOINT would be."""
        return f"{self._scheme(HUB)}://127.0.0.1:{self._port(HUB)}"

    @property
    def cdn_url(self) -> str:
        """Of the second host."""
        return f"{self._scheme(CDN)}://localhost:{self._port(CDN)}"

    def add(self, name: str, files: dict[str, Content], **about: Any) -> Repo:
        """A repository with these files in its first commit; `about` as in Repo."""
        repo = self.repos[name] = Repo(name, **about)
        repo.publish(files)
        return repo

    def misbehave(self, fault: Fault, **when: Any) -> Rule:
        """Has requests answered badly, the next one that fits if `when` does not say otherwise."""
        rule = Rule(fault, **when)
        with self._lock:
            self.rules.append(rule)
        return rule

    def behave(self) -> None:
        """Ends all faults."""
        with self._lock:
            self.rules.clear()

    def requests(self, side: str = "", method: str = "", path: str = "") -> Sequence[Request]:
        """Those that came, in their order."""
        return [
            request
            for request in tuple(self.received)
            if side in ("", request.side)
            and method in ("", request.method)
            and path in request.path
        ]

    def start(self, port: int = 0, cdn_port: int = 0) -> None:
        """Begins to listen; ports of 0 are chosen by the system."""
        self._stopping.clear()
        for side, wanted in ((HUB, port), (CDN, cdn_port)):
            listener = socket.create_server(("127.0.0.1", wanted), backlog=64)
            self._listeners[side] = listener
            self._spawn(self._accept, side, listener)

    def stop(self) -> None:
        """Ends all connections, in the middle if need be."""
        self._stopping.set()
        for listener in self._listeners.values():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.disconnect()
        while self._threads:
            self.disconnect()
            for thread in tuple(self._threads):
                thread.join(0.05)
        self._listeners.clear()

    def disconnect(self) -> None:
        """Breaks all connections that there are now."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _scheme(self, side: str) -> str:
        return "https" if side in self.tls else "http"

    def _port(self, side: str) -> int:
        return int(self._listeners[side].getsockname()[1])

    def _spawn(self, target: Any, *args: Any) -> None:
        def run() -> None:
            try:
                target(*args)
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name="fake-hub")
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self, side: str, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if side in self.tls:
                try:
                    connection = self.tls[side].wrap_socket(connection, server_side=True)
                except OSError:  # the client did not like the certificate
                    connection.close()
                    continue
            with self._lock:
                self._connections.add(connection)
            self._spawn(self._serve, side, connection)

    def _serve(self, side: str, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection.makefile("rb") as stream:
                while not self._stopping.is_set() and (request := wire.read(stream, side)):
                    if not self._answer(request, connection):
                        break
        except OSError:
            pass  # the client has gone
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _answer(self, request: Request, connection: socket.socket) -> bool:
        """Sends the answer; returns whether the connection stays."""
        if request.proxied_to and request.proxied_to == urlsplit(self.cdn_url).netloc:
            request = replace(request, side=CDN)
        with self._lock:
            self.received.append(request)
            fault = next((rule.fault for rule in self.rules if rule.strikes(request)), Fault())
        sender = Sender(connection, self._stopping)
        return sender.send(request, self._response(request, fault), fault)

    def _response(self, request: Request, fault: Fault) -> Response:
        if fault.status:
            return wire.refusal(fault.status, fault.code, headers=fault.headers)
        if fault.ignore_range:
            others = {name: text for name, text in request.headers.items() if name != "range"}
            request = replace(request, headers=others)
        if request.side == CDN:
            return files.fetch(self, request)
        if request.path.startswith("/api/"):
            return api.answer(self, request) or wire.refusal(404, message="no such path")
        return files.resolve(self, request)

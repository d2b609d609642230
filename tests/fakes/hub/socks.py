"""A SOCKS proxy on loopback (RFC 1928, without a password), which notes where it was sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

PIECE = 1 << 16  # bytes
NO_PASSWORD, DOMAIN = 0, 3
GRANTED = b"\5\0\0\1\0\0\0\0\0\0"


class SocksProxy:
    """Leads each host and port that is asked for to one on this computer."""

    def __init__(self, ways: Mapping[tuple[str, int], int]) -> None:
        """`ways` has the local port for each host and port."""
        self.asked: list[tuple[str, int]] = []
        self._ways = ways
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        """As the settings take it; names of hosts are looked up by the proxy."""
        return f"socks5h://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for each in tuple(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in tuple(self._threads):
            thread.join()

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="socks")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the end
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, KeyError), connection.makefile("rb") as stream:
            _, count = stream.read(2)
            stream.read(count)
            connection.sendall(bytes((5, NO_PASSWORD)))
            *_, kind = stream.read(4)
            raw = stream.read(stream.read(1)[0] if kind == DOMAIN else 4)
            host = raw.decode() if kind == DOMAIN else socket.inet_ntoa(raw)
            asked = host, int.from_bytes(stream.read(2), "big")
            self.asked.append(asked)
            with socket.create_connection(("127.0.0.1", self._ways[asked])) as target:
                self._sockets.append(target)
                connection.sendall(GRANTED)
                back = threading.Thread(target=_copy, args=(target, connection), name="socks")
                back.start()
                _copy(connection, target)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until one of them is closed."""
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)

"""Sends an answer as a fault wants it: slowly, not whole, with wrong bytes or wrong sizes."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator

from tests.fakes.hub.content import PIECE, Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.wire import Request, Response

RESET = struct.pack("ii", 1, 0)  # closing sends a reset
SLOW_PIECES = 50  # a second, where the rate is limited
SIZES = ("X-Linked-Size", "Content-Range")
LAST_NUMBER = re.compile(r"(\d+)$")


class Sender:
    """Writes to one connection; `stopping` ends every wait."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self._connection = connection
        self._stopping = stopping

    def send(self, request: Request, response: Response, fault: Fault) -> bool:
        """Sends head and body; returns whether the connection can be used again."""
        if fault.wait and self._stopping.wait(fault.wait):
            return False
        start, end = response.span
        for name in SIZES:
            if fault.lie and name in response.headers:
                told = response.headers[name]
                response.headers[name] = LAST_NUMBER.sub(
                    lambda match: str(int(match[1]) + fault.lie), told
                )
        response.headers.update(fault.headers)
        is_file = response.status in (200, 206)
        length = end - start + (fault.lie if is_file and response.status == 200 else 0)
        self._connection.sendall(response.head(length, fault.without))
        if request.method == "HEAD":
            return not fault.lie
        end = max(start, end + fault.body_lie) if is_file else end
        whole = self._send_body(response.content, start, end, fault)
        has_end = "Content-Length" not in fault.without
        return whole and has_end and not fault.lie and not fault.body_lie

    def _send_body(self, content: Content, start: int, end: int, fault: Fault) -> bool:
        until = end
        for after in (fault.stall_after, fault.cut_after):
            if after is not None:
                until = min(until, start + after)
        size = max(1, fault.rate // SLOW_PIECES) if fault.rate else PIECE
        began = time.monotonic()
        sent = 0
        for piece in _corrupted(content, start, until, size, fault.corrupt):
            self._connection.sendall(piece)
            sent += len(piece)
            if fault.rate:
                ahead = sent / fault.rate - (time.monotonic() - began)
                if ahead > 0 and self._stopping.wait(ahead):
                    return False
        if until == end:
            return True
        if fault.stall_after is not None and until == start + fault.stall_after:
            self._wait_until_gone()
        if fault.reset:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return False

    def _wait_until_gone(self) -> None:
        """Sends nothing until the client closes the connection."""
        self._connection.settimeout(0.1)
        while not self._stopping.is_set():
            try:
                if not self._connection.recv(1):
                    return
            except TimeoutError:
                continue


def _corrupted(
    content: Content, start: int, end: int, size: int, wrong: tuple[int, ...]
) -> Iterator[memoryview]:
    at = start
    for piece in content.pieces(start, end, size):
        here = [offset - at for offset in wrong if at <= offset < at + len(piece)]
        at += len(piece)
        if here:
            changed = bytearray(piece)
            for offset in here:
                changed[offset] ^= 0xFF
            yield memoryview(changed)
        else:
            yield piece

"""Lets a second start hand its file to the Hearth that is open already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCryptographicHash, QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

TIMEOUT = 1500  # milliseconds


def _address(data: Path) -> str:
    """A name for the socket that is the same for the same data folder."""
    digest = QCryptographicHash.hash(
        str(data.resolve()).encode(), QCryptographicHash.Algorithm.Sha256
    )
    return f"hearth-{bytes(digest.toHex().data()[:24]).decode('ascii')}"


class HandoverServer(QObject):
    """Listens for second starts on the same data folder, of the same user."""

    def __init__(self, data: Path, on_request: Callable[[str], None], parent: QObject) -> None:
        """Calls `on_request` with the file of each second start, "" where it had none."""
        super().__init__(parent)
        self._on_request = on_request
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(_address(data))
        self._server.newConnection.connect(self._connected)
        self._server.listen(_address(data))

    def close(self) -> None:
        """Listens no more."""
        self._server.close()

    def _connected(self) -> None:
        connection = self._server.nextPendingConnection()
        connection.readyRead.connect(self._read)
        connection.disconnected.connect(connection.deleteLater)
        if connection.bytesAvailable():
            self._take(connection)

    def _read(self) -> None:
        connection = self.sender()
        if isinstance(connection, QLocalSocket):
            self._take(connection)

    def _take(self, connection: QLocalSocket) -> None:
        if not connection.canReadLine():
            return
        try:
            request = json.loads(bytes(connection.readLine().data()))
            file = str(request["file"])
        except (ValueError, KeyError, TypeError):
            return
        connection.write(b"ok\n")
        connection.flush()
        self._on_request(file)


def hand_over(data: Path, file: str) -> bool:
    """Asks the Hearth that is open to come forward and open `file`; True if it does."""
    socket = QLocalSocket()
    socket.connectToServer(_address(data))
    if not socket.waitForConnected(TIMEOUT):
        return False
    socket.write(json.dumps({"file": file}).encode() + b"\n")
    socket.flush()
    answered = socket.waitForReadyRead(TIMEOUT) and bytes(socket.readAll().data()) == b"ok\n"
    socket.disconnectFromServer()
    return answered

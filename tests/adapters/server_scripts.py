"""Scripts that look like installed model servers, and what their tests share."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil

from app.llm.discovery.server_process import ServerProcess
from app.schema import InstalledServer

# A server that finds its port where its kind has it, and behaves as FAKE_MODE says.
SERVER = """
import http.server, json, os, signal, sys, time

mode = os.environ.get("FAKE_MODE", "")
print(json.dumps({"argv": sys.argv[1:], "host": os.environ.get("OLLAMA_HOST", ""),
                  "cwd": os.getcwd(),
                  "llama": {name: value for name, value in os.environ.items()
                            if name.startswith("LLAMA_ARG_")}}), flush=True)
print("\\x1b[31mkey\\x1b[0m: Bearer 0123456789abcdef", file=sys.stderr, flush=True)
if mode == "crash at start":
    for number in range(300):
        print("line", number, flush=True)
    sys.exit(3)
if mode == "never ready":
    time.sleep(600)
if "ignores" in mode:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child" in mode:
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    print("child", child, flush=True)
address = os.environ.get("OLLAMA_HOST", "")
for name in ("--port", "--address"):
    if name in sys.argv:
        address = sys.argv[sys.argv.index(name) + 1]
waits = [503, 404] if "slow" in mode else []

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("about to crash", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        status = waits.pop() if waits else 200
        print("asked", self.path, status, flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(address.rpartition(":")[2])), Handler).serve_forever()
"""
NAMES = {
    "ollama": "ollama",
    "llama-server": "llama-server",
    "localai": "local-ai",
    "mistral-rs": "mistralrs",
}


def install(folder: Path, kind: str = "llama-server") -> InstalledServer:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / NAMES[kind]
    file.write_text(f"#!{sys.executable} -I\n{SERVER}")
    file.chmod(0o755)
    return InstalledServer(kind, kind.title(), str(file), "1")


@contextlib.asynccontextmanager
async def started(server: ServerProcess, *args: Any, **options: Any) -> AsyncIterator[str]:
    url = await server.start(*args, **options)
    try:
        yield url
    finally:
        await server.stop()


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has collected yet counts as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def child_of(server: ServerProcess) -> int:
    (line,) = [line for line in server.log.lines if line.startswith("child ")]
    return int(line.removeprefix("child "))


async def ask(url: str, path: str) -> None:
    """A request whose answer does not matter."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with contextlib.suppress(ConnectionError):
        await reader.read(100)
    writer.close()

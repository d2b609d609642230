"""LocalAI on loopback: a gallery, jobs that advance at every look, back ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json
from tests.fakes.servers.openai import OpenAIServer, fill

SIZE = 1000  # bytes of every model


@dataclass
class Job:
    """An installation or a deletion."""

    model: str
    is_deletion: bool = False
    error: str = ""
    looks: int = 3  # until it is done
    unknown: int = 0  # looks at first, while it waits behind others
    seen: int = 0
    is_cancelled: bool = False
    is_endless: bool = False


@dataclass
class LocalAI:
    """One LocalAI; a test changes the fields as it likes."""

    server: FakeServer
    key: str = ""
    gallery: tuple[str, ...] = ("llama-3.2-1b", "qwen3-0.6b")
    loaded: list[str] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    next_job: dict[str, Any] = field(default_factory=dict)  # fields of the jobs to come
    tells_bytes: bool = True  # versions before 4.9 tell a share only
    loads: bool = True  # has `/backend/load`
    chat: OpenAIServer = field(init=False)

    def __post_init__(self) -> None:
        self.chat = fill(self.server, "localai", key=self.key)
        guard, route = self.chat.guarded, self.server.route
        route("GET", "/models/available", guard(lambda _: as_json(self._available())))
        route("POST", "/models/apply", guard(self._apply))
        route("GET", "/system", guard(lambda _: as_json(self._system())))
        route("POST", "/backend/shutdown", guard(self._shutdown))
        if self.loads:
            route("POST", "/backend/load", guard(self._load))
        self.server.otherwise = guard(self._by_name)

    def _available(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "gallery": {"name": "localai", "url": "github:x"}, "installed": False}
            for name in self.gallery
        ]

    def _system(self) -> dict[str, Any]:
        return {"backends": ["llama-cpp"], "loaded_models": [{"id": name} for name in self.loaded]}

    def _apply(self, request: Received) -> Reply:
        asked = request.json
        name = str(asked.get("id") or asked["url"]).rpartition("@")[2].rpartition("/")[2]
        known = "url" in asked or name in self.gallery
        return self._begin(Job(name, error="" if known else f"no model found with name {name}"))

    def _begin(self, job: Job) -> Reply:
        for key, value in self.next_job.items():
            setattr(job, key, value)
        name = f"job-{len(self.jobs) + 1}"
        self.jobs[name] = job
        return as_json({"uuid": name, "status": f"{self.server.url}/models/jobs/{name}"})

    def _by_name(self, request: Received) -> Reply:
        """The paths that end with a name."""
        path = request.path
        if path.startswith("/models/jobs/"):
            return self._look(path.rpartition("/")[2])
        if path.startswith("/models/delete/") and request.method == "POST":
            name = unquote(path.removeprefix("/models/delete/"))
            error = "" if name in self.chat.models else f"model {name} not found"
            return self._begin(Job(name, is_deletion=True, error=error, looks=1))
        if path.startswith("/api/operations/") and path.endswith("/cancel"):
            self.jobs[path.split("/")[3]].is_cancelled = True
            return as_json({"success": True, "message": "Operation cancelled"})
        return as_json({"error": {"code": 404, "message": "Not Found", "type": ""}}, 404)

    def _look(self, name: str) -> Reply:
        job = self.jobs[name]
        if job.unknown:
            job.unknown -= 1
            error = {"code": 500, "message": "could not find any status for ID", "type": ""}
            return as_json({"error": error}, 500)
        job.seen += 1
        is_over = job.is_cancelled or (job.seen >= job.looks and not job.is_endless)
        if is_over and not job.error and not job.is_cancelled:
            self._finish(job)
        share = min(job.seen / job.looks, 1.0)
        told: dict[str, Any] = {
            "processed": is_over,
            "error": job.error if is_over else "",
            "message": "completed" if is_over else "processing",
            "progress": 100 * share,
            "cancelled": job.is_cancelled,
            "cancellable": True,
        }
        if self.tells_bytes:
            told |= {"phase": "downloading", "current_bytes": int(SIZE * share)}
            told["total_bytes"] = SIZE
        return as_json(told)

    def _finish(self, job: Job) -> None:
        others = tuple(model for model in self.chat.models if model != job.model)
        self.chat.models = others if job.is_deletion else (*others, job.model)

    def _load(self, request: Received) -> Reply:
        name = request.json["model"]
        if name not in self.chat.models:
            message = f"failed to load model: model {name} not found"
            return as_json({"loaded": [], "message": message}, 500)
        self.loaded.append(name)
        return as_json({"loaded": [name], "message": "model loaded"})

    def _shutdown(self, request: Received) -> Reply:
        name = request.json["model"]
        if name not in self.loaded:
            error = {"code": 500, "message": f"model {name} not found", "type": ""}
            return as_json({"error": error}, 500)
        self.loaded.remove(name)
        return as_json({})

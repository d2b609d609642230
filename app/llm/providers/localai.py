"""LocalAI: models are installed from its gallery and deleted, back ends started and stopped.

Source: core/http/routes of LocalAI 4.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any
from urllib.parse import quote

from app import net
from app.errors import ApiError, BadReply, HearthError, ProviderError, Unsupported
from app.llm.providers import failures
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.llm.providers.wire.fields import SHOWN, as_object, mapping, objects
from app.schema import Endpoint, PullProgress, RunningModel

JOB_PAUSE = 0.7  # seconds between two looks at a job
JOB_LOOKS = 20  # at a job that the server does not know yet: it waits behind others
CANCEL_SECONDS = 5.0  # for the server to take note that a job is not wanted any more
LOAD_SECONDS = 900.0  # for a model to be read; the answer comes when it is loaded
NO_SUCH_PATH = (404, 405)
FAILED = "error:"  # how the message of a failed job begins in versions without a text in `error`


class LocalAIProvider(OpenAIProvider):
    """One LocalAI. Where it has users, what changes it needs an administrator's key."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        super().__init__(endpoint, PROFILES["localai"], lock)

    async def available(self) -> Sequence[str]:
        """The names of the models in its gallery, as `pull` takes them. Raises HearthError."""
        return [
            _gallery_name(about)
            for about in objects(await self._server.get("/models/available"))
            if about.get("name")
        ]

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Installs a model by its name in the gallery or by an address.

        Closing the generator cancels the job on the server.
        """
        is_address = "://" in model or model.startswith("github:")
        job = await self._begun("/models/apply", {"url" if is_address else "id": model})
        state: dict[str, Any] = {}
        try:
            async with aclosing(self._states(job)) as states:
                async for state in states:
                    yield _progress(state)
        except (GeneratorExit, asyncio.CancelledError):
            if not state.get("processed"):
                with suppress(HearthError):
                    path = f"/api/operations/{job}/cancel"
                    await self._server.post(path, {}, seconds=CANCEL_SECONDS)
            raise

    async def delete(self, model: str) -> None:
        """Deletes a model from its disk and waits until that is done."""
        job = await self._begun(f"/models/delete/{quote(model, safe='')}", {})
        async with aclosing(self._states(job)) as states:
            async for _ in states:
                pass

    async def running(self) -> Sequence[RunningModel]:
        """The models whose back ends are up; it does not tell their sizes."""
        reply = as_object(self.title, await self._server.get("/system"))
        return [RunningModel(name) for name in _names(reply.get("loaded_models"))]

    async def load_remote(self, model: str, context: int = 0) -> None:  # noqa: ARG002
        """Starts a model's back end; the context stands in the model's own file there."""
        try:
            await self._server.post("/backend/load", {"model": model}, seconds=LOAD_SECONDS)
        except ProviderError as error:
            if error.status not in NO_SUCH_PATH:
                raise
            raise Unsupported(
                f"This version of {self.title} loads a model only when it is asked something.",
                "Update it, or send a message: the model is loaded then.",
                provider=self.title,
            ) from error

    async def unload_remote(self, model: str) -> None:
        """Stops a model's back end."""
        try:
            await self._server.post("/backend/shutdown", {"model": model})
        except ProviderError:
            if any(loaded.model == model for loaded in await self.running()):
                raise

    async def _begun(self, path: str, body: dict[str, str]) -> str:
        """The id of the job that a request has begun."""
        reply = as_object(self.title, await self._server.post(path, body))
        job = str(reply.get("uuid") or "")
        if not job:
            raise BadReply(
                f"{self.title} did not say under which number it works on this.",
                "Update it, then try again.",
                str(reply)[:SHOWN],
                provider=self.title,
            )
        return job

    async def _states(self, job: str) -> AsyncGenerator[dict[str, Any], None]:
        """What a job comes to, until it is done. Raises HearthError where it fails."""
        while True:
            state = await self._job(job)
            self._check(state)
            yield state
            if state.get("processed"):
                return
            await asyncio.sleep(JOB_PAUSE)

    async def _job(self, job: str) -> dict[str, Any]:
        """What a job has come to; one that waits behind others is not known at first."""
        looks = 1
        while True:
            try:
                state = await self._server.get(f"/models/jobs/{job}")
                break
            except ProviderError as error:
                if error.status not in (404, 500) or looks == JOB_LOOKS:
                    raise
            await asyncio.sleep(JOB_PAUSE)
            looks += 1
        if isinstance(state, dict):
            return state
        raise BadReply(
            f"{self.title} does not tell how its job stands.",
            "Look there whether the model has come.",
            str(state)[:SHOWN],
            provider=self.title,
        )

    def _check(self, state: dict[str, Any]) -> None:
        """Raises HearthError where a job has failed or was cancelled."""
        error, message = state.get("error"), str(state.get("message") or "")
        if error or (state.get("processed") and message.startswith(FAILED)):
            words = error if isinstance(error, str) else message.removeprefix(FAILED).strip()
            raise failures.failure(self.title, None, {"error": words or "the job failed"})
        if state.get("cancelled"):
            raise ApiError(
                f"{self.title} has cancelled this.",
                "Somebody stopped it there. Start it again if you want it.",
                provider=self.title,
            )


def _progress(state: dict[str, Any]) -> PullProgress:
    """How far a job is; older versions tell only a share, which is put into words."""
    status = str(state.get("phase") or state.get("message") or "working")
    done, total = state.get("current_bytes"), state.get("total_bytes")
    if isinstance(done, int) and isinstance(total, int) and total > 0:
        return PullProgress(status, done, total)
    share = state.get("progress")
    return PullProgress(f"{status}, {share:.0f} %" if isinstance(share, int | float) else status)


def _gallery_name(about: dict[str, Any]) -> str:
    where = mapping(about, "gallery").get("name")
    return f"{where}@{about['name']}" if where else str(about["name"])


def _names(listed: Any) -> Sequence[str]:
    """The names in a list, whose items are texts or objects."""
    items = listed if isinstance(listed, list) else []
    return [
        str(item.get("id") or item.get("name")) if isinstance(item, dict) else str(item)
        for item in items
    ]

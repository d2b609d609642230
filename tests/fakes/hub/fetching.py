"""A program that fetches one model, so that it can be killed: ENDPOINT FOLDER QUEUE MODEL.

MODEL is a file with the model in JSON. Prints "running" when it has begun, and where it ended.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pydantic import TypeAdapter

from app.library.downloads.queue import Downloads
from app.library.hub.access import Access
from app.library.records import HubModel, Stage
from app.settings import Hub as HubSettings


async def main(endpoint: str, folder: str, queue: str, model: str) -> int:
    """Fetches until the model is there, or the person would be needed."""
    settings = HubSettings(endpoint=endpoint)

    async def no_token() -> str:
        return ""

    downloads = Downloads(Access(lambda: settings, no_token, environ={}), Path(queue))
    await downloads.start()
    try:
        wanted = TypeAdapter(HubModel).validate_json(Path(model).read_text(encoding="utf-8"))
        key = downloads.add(wanted, Path(folder))
        print("running", flush=True)
        while True:
            (item,) = (one for one in downloads.items if one.id == key)
            if item.stage in (Stage.DONE, Stage.FAILED):
                print(item.stage, item.message, flush=True)
                return int(item.stage is Stage.FAILED)
            await asyncio.sleep(0.005)
    finally:
        await downloads.aclose()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))

"""`hearth models`: what is on this disk."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import gguf, paths, wording
from app.cli import console, session
from app.cli.parser import EXIT_DONE

if TYPE_CHECKING:
    import argparse

    from app.schema import ModelInfo

SHOWN_ELEMENTS = 8  # of an array, in the plain listing


def run(options: argparse.Namespace) -> int:
    """Prints the list, or one file's header."""
    if options.action == "info":
        _info(Path(options.path).expanduser(), as_json=options.json)
    else:
        asyncio.run(_list(options))
    return EXIT_DONE


async def _list(options: argparse.Namespace) -> None:
    async with session.opened(paths.find(options.home)) as core:
        if core.settings.settings.providers.discover:
            await core.manager.servers()
        models = await core.manager.models()
    if options.json:
        print(json.dumps([_as_json(model) for model in models], indent=2, ensure_ascii=False))
    elif not models:
        console.say(f"No models yet. Put .gguf files into {core.paths.models}.")
    for model in models if not options.json else ():
        facts = [
            model.provider + (" (cloud)" if model.is_cloud else ""),
            wording.size(model.size) if model.size else "",
            model.quantisation,
            f"{model.trained_context:,} tokens" if model.trained_context else "",
        ]
        where = model.ref if model.provider else model.ref.model
        print(f"{model.title}\t{' · '.join(filter(None, facts))}\t{where}")


def _as_json(model: ModelInfo) -> dict[str, Any]:
    return {
        "ref": str(model.ref),
        "name": model.name,
        "path": model.ref.model,
        "size": model.size,
        "quantisation": model.quantisation,
        "architecture": model.architecture,
        "parameters": model.parameters,
        "trained_context": model.trained_context,
        "description": model.description,
        "provider": model.ref.provider,
        "cloud": model.is_cloud,
    }


def _info(path: Path, *, as_json: bool) -> None:
    header = gguf.read(path)
    facts: dict[str, Any] = {
        "name": header.name,
        "path": str(path.absolute()),
        "kind": header.kind,
        "architecture": header.architecture,
        "parameters": header.parameters,
        "quantisation": header.quantisation,
        "size": header.file_size,
        "trained_context": header.trained_context,
        "has_chat_template": bool(header.chat_template),
        "gguf_version": header.version,
        "tensors": len(header.tensors),
    }
    metadata = {key: _plain(value) for key, value in header.metadata.items()}
    if as_json:
        print(json.dumps({**facts, "metadata": metadata}, indent=2, ensure_ascii=False))
        return
    facts["parameters"] = wording.parameters(header.parameters)
    facts["size"] = wording.size(header.file_size)
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):{width}}  {value}")
    print()
    for key, plain in metadata.items():
        print(f"{key} = {_shortened(plain)}")


def _plain(value: gguf.Value) -> Any:
    if isinstance(value, gguf.LongArray):
        return f"array of {value.length:,} elements"
    return list(value) if isinstance(value, tuple) else value


def _shortened(value: Any) -> str:
    if isinstance(value, list) and len(value) > SHOWN_ELEMENTS:
        return f"{value[:SHOWN_ELEMENTS]} … {len(value)} elements"
    text = str(value).replace("\n", "\\n")
    return text if len(text) <= 200 else text[:200] + "…"

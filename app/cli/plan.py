"""`hearth plan`: how a model would be loaded on this computer, why, and what memory it takes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import core as cores
from app import gguf, paths, wording
from app.cli import console, session
from app.cli.parser import EXIT_DONE
from app.errors import NoModel, UsageError
from app.llm.optimizer.memory import CACHE_TYPES
from app.llm.optimizer.wishes import Wishes
from app.llm.plan_words import PARTS, TITLES
from app.llm.providers.local import NAME as LOCAL
from app.llm.providers.local_plans import Subject

if TYPE_CHECKING:
    import argparse

    from app.llm.optimizer.memory import DeviceUse, Estimate
    from app.llm.trials import Speed
    from app.schema import LoadPlan


def run(options: argparse.Namespace) -> int:
    """Prints the plan. Raises ModelError where the model cannot be loaded here."""
    wishes = _wishes(options)
    return asyncio.run(_run(options, wishes))


async def _run(options: argparse.Namespace, wishes: Wishes) -> int:
    async with session.opened(paths.find(options.home)) as core:
        header = gguf.read(Path(await _file(core, options.model)))
        kept = core.settings.settings.models.adapters_of(str(header.path))
        subject = Subject.of(header, kept)
        wishes = _over(core.plans.wishes(subject), wishes)
        made = await asyncio.to_thread(lambda: core.plans.made(subject, wishes=wishes))
        estimate, free = core.plans.estimate(subject, made), core.plans.room().free
        speed = await asyncio.to_thread(core.plans.predicted, subject, made)
    if options.json:
        told = _as_json(header, made, estimate, free)
        console.print_json({**told, "speed": dataclasses.asdict(speed)})
    else:
        for line in _lines(header, made, estimate, free, speed):
            print(line)
    return EXIT_DONE


def _wishes(options: argparse.Namespace) -> Wishes:
    """What the options ask for. Raises UsageError."""
    if options.kv is not None and options.kv.lower() not in CACHE_TYPES:
        raise UsageError(
            f"There is no KV cache of the type “{options.kv}”.",
            f"Take one of {', '.join(CACHE_TYPES)}.",
        )
    for name in ("ctx", "threads"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise UsageError(f"--{name} takes a number from 1 on.", "Leave it out for the usual.")
    if options.gpu_layers is not None and options.gpu_layers < -1:
        raise UsageError(
            "--gpu-layers takes a number from 0 on, or -1 for all of them.",
            "Leave it out for the usual.",
        )
    return Wishes(
        context=options.ctx,
        type_k=options.kv,
        type_v=options.kv,
        gpu_layers=options.gpu_layers,
        threads=options.threads,
        less_memory=options.less_memory,
        quiet=options.quiet,
    )


def _over(kept: Wishes, wanted: Wishes) -> Wishes:
    """What is wanted now, over what the settings keep."""
    given = {
        field.name: getattr(wanted, field.name)
        for field in dataclasses.fields(Wishes)
        if getattr(wanted, field.name) != field.default
    }
    return dataclasses.replace(kept, **given)


async def _file(core: cores.Core, text: str) -> str:
    """The file that is meant. Raises NoModel."""
    ref = await cores.resolve(core, text)
    if ref.provider != LOCAL:
        raise NoModel(
            f"“{text}” runs at its server, which plans for itself.",
            "Name a model file, or a model of this disk.",
        )
    return ref.model


def _lines(
    header: gguf.Header, made: LoadPlan, estimate: Estimate, free: int, speed: Speed
) -> Iterator[str]:
    about = (header.name, header.quantisation, wording.size(header.file_size))
    yield ", ".join(filter(None, about))
    rows = [(TITLES[reason.choice], reason.sentence) for reason in made.reasons]
    rows += [(f"memory of {use.name}", _parts(use)) for use in estimate.devices if use.total]
    roughly = "about " if estimate.is_rough else ""
    total = f"{roughly}{wording.size(estimate.total)}; {wording.size(free)} are free"
    rows.append(("memory in all", total))
    if speed.generation is not None:
        reading = f", {wording.rate(speed.prompt)} reading a prompt" if speed.prompt else ""
        doubt = "; other programs were busy meanwhile, so it may be more" if speed.is_rough else ""
        rows.append(("speed", f"about {wording.rate(speed.generation)} writing{reading}{doubt}"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield f"{name:{width}}  {value}"


def _parts(use: DeviceUse) -> str:
    parts = [
        f"{title} {wording.size(getattr(use, name))}"
        for name, title in PARTS.items()
        if getattr(use, name)
    ]
    return f"{wording.size(use.total)}: {', '.join(parts)}"


def _as_json(header: gguf.Header, made: LoadPlan, estimate: Estimate, free: int) -> dict[str, Any]:
    """The plan with its reasons, and bytes for each device."""
    plan = dataclasses.asdict(made)
    reasons = plan.pop("reasons")
    return {
        "model": {"name": header.name, "path": str(header.path), "size": header.file_size},
        "plan": plan,
        "reasons": reasons,
        "memory": {
            "total": estimate.total,
            "free": free,
            "is_rough": estimate.is_rough,
            "devices": [
                {**dataclasses.asdict(one), "total": one.total} for one in estimate.devices
            ],
        },
    }

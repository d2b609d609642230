"""Builds the part of the program that has no window: settings, models and the runner's worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app import paths as places
from app.errors import NoModel
from app.library import catalog, starter
from app.llm.discovery import service as discovery
from app.llm.manager import LLMManager
from app.llm.providers import local
from app.llm.providers.factory import ProviderFactory
from app.llm.providers.interface import Provider
from app.llm.runner.preflight import Preflight
from app.llm.runner.queued import QueuedRunner, create_engine
from app.llm.runner.worker import Worker
from app.paths import Paths
from app.schema import Endpoint, ModelInfo, ModelRef
from app.settings import SettingsFile


@dataclass(frozen=True, slots=True)
class Core:
    """The objects that the window and the command line share. Somebody's thread runs `worker`."""

    paths: Paths
    settings: SettingsFile
    worker: Worker
    manager: LLMManager
    starter: ModelRef | None  # the model that ships with Hearth


def build(paths: Paths) -> Core:
    """Makes the core; nothing is loaded and no thread is started."""
    settings = SettingsFile(paths.settings)
    shipped = places.resources()
    worker = Worker(create_engine)

    def files() -> Sequence[ModelInfo]:
        recent = [Path(path) for path in settings.settings.models.recent]
        return catalog.models([paths.models, starter.folder(shipped)], recent)

    def make_local(_endpoint: Endpoint) -> Provider:
        return local.LocalProvider(QueuedRunner(worker), Preflight(paths.preflight), files)

    factory = ProviderFactory({local.NAME: make_local})
    endpoint = Endpoint(name=local.NAME, kind=local.NAME)
    manager = LLMManager({endpoint.name: factory.make(endpoint)}, discovery.find)
    return Core(paths, settings, worker, manager, starter.find(shipped))


async def resolve(core: Core, text: str) -> ModelRef:
    """The model that a person means by a path, a reference, or a name from the list.

    Raises:
        NoModel: nothing of that name is known.
    """
    ref = ModelRef.parse(text)
    is_local = ref is not None and ref.provider == local.NAME
    path = Path(ref.model if ref and is_local else text).expanduser()
    if is_local or path.suffix.lower() == catalog.SUFFIX or path.exists():
        return ModelRef(local.NAME, str(path.absolute()))
    wanted = text.casefold()
    for model in await core.manager.models():
        if wanted in (model.name.casefold(), Path(model.ref.model).stem.casefold()):
            return model.ref
    raise NoModel(
        f"There is no model called “{text}”.",
        "Give the path of a .gguf file, or a name from: hearth models list.",
    )


async def default_model(core: Core) -> ModelRef:
    """The model that was selected last, else the only one there is, else the starter.

    Raises:
        NoModel: there is none, or more than one to choose from.
    """
    selected = ModelRef.parse(core.settings.settings.models.selected)
    if selected is not None:
        return selected
    models = [model.ref for model in await core.manager.models() if model.ref != core.starter]
    if len(models) == 1:
        return models[0]
    if models:
        raise NoModel("Several models are here and none is chosen.", "Name one with --model.")
    if core.starter is not None:
        return core.starter
    raise NoModel(
        "There is no model on this computer yet.",
        f"Give the path of a .gguf file with --model, or put one into {core.paths.models}.",
    )

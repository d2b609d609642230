"""Builds the part of the program that has no window: settings, models and the runner's worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from app import net
from app import paths as places
from app.credentials import Credentials
from app.errors import Misconfigured, NoModel
from app.gguf import Header
from app.library import catalog, finding, starter
from app.library.catalog import Library
from app.library.database import LibraryDatabase
from app.library.downloads.queue import Downloads
from app.library.hub.access import TOKEN_KEY, Access
from app.library.hub.client import Hub
from app.library.judging import Judging
from app.library.trash import Trash
from app.llm import wished
from app.llm.discovery import binaries
from app.llm.discovery import service as discovery
from app.llm.hosting import ServerHost
from app.llm.manager import LLMManager
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.room import NOTHING_RELEASED, Released
from app.llm.optimizer.speed.rates_book import RatesBook
from app.llm.optimizer.survey import Survey
from app.llm.optimizer.tuning.kept import KeptTunings
from app.llm.optimizer.wishes import Wishes
from app.llm.plans_view import PlansView
from app.llm.providers import kinds, local
from app.llm.providers.factory import ProviderFactory
from app.llm.providers.interface import Provider
from app.llm.providers.local_plans import LocalPlans, Subject
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.providers.policies.rate_limit import RateLimited
from app.llm.providers.policies.retry import Patience, Retrying
from app.llm.registry import Registry
from app.llm.runner.preflight import Preflight
from app.llm.runner.probing import Probing
from app.llm.runner.queued import QueuedRunner, create_engine, engine_build
from app.llm.runner.worker import Worker
from app.llm.setup import ProviderSetup
from app.llm.speedometer import Speedometer
from app.llm.usage import UsageLedger
from app.paths import Paths
from app.schema import Adapter, Endpoint, LoadPlan, ModelRef
from app.settings import STARTER, SettingsFile


@dataclass(frozen=True, slots=True)
class Core:
    """The objects that the window and the command line share. Somebody's thread runs `worker`."""

    paths: Paths
    settings: SettingsFile
    worker: Worker
    manager: LLMManager
    speedometer: Speedometer
    starter: ModelRef | None  # the model that ships with Hearth
    setup: ProviderSetup
    usage: UsageLedger
    host: ServerHost
    adapters: dict[str, tuple[Adapter, ...]]  # by model path; they stand before the settings' own
    credentials: Credentials
    survey: Survey
    plans: LocalPlans  # of the models in this process
    plans_view: PlansView  # the same for the window
    library: Library
    judging: Judging  # of models, by this computer
    trash: Trash
    access: Access  # to Hugging Face
    hub: Hub
    downloads: Downloads


def build(paths: Paths) -> Core:
    """Makes the core; nothing is loaded and no thread is started."""
    settings = SettingsFile(paths.settings)
    shipped = places.resources()
    worker = Worker(create_engine)
    database = LibraryDatabase(paths.data / "library.sqlite3")
    library = Library(
        database,
        lambda: finding.sought(settings.settings.models, paths.models, starter.folder(shipped)),
    )
    named: dict[str, tuple[Adapter, ...]] = {}

    def adapters(model: str) -> Sequence[Adapter]:
        return named[model] if model in named else settings.settings.models.adapters_of(model)

    lock = net.OfflineLock()
    lock.closed = settings.settings.providers.stay_offline
    credentials = Credentials()

    runner = QueuedRunner(worker)
    survey = Survey(engine_build)

    def wishes(model: str) -> Wishes:
        return wished.of_model(
            settings.settings.models, model, lambda: survey.now().power.on_battery
        )

    engine = metadata.version("llama-cpp-python")
    remembered = Remembered(paths.data / "plans.json", engine)
    tunings = KeptTunings(paths.data / "tuned.json", engine)
    preflight = Preflight(paths.preflight)
    book = RatesBook(
        paths.data / "speeds.json",
        engine,
        Probing(lambda: preflight.extra_buffers).measure,
        lambda: worker.is_busy,
    )
    plans = LocalPlans(survey, remembered, wishes, tunings, book)
    here = local.LocalProvider(runner, preflight, library.infos, plans, adapters, library.used)
    factory = ProviderFactory(
        kinds.makers(lock),
        kinds.added_makers,
        lambda provider, endpoint: _dressed(provider, endpoint, settings),
    )
    registry = Registry({local.NAME: here}, factory, credentials.get)
    registry.configure_now(settings.settings.providers.endpoints())
    usage = UsageLedger(paths.data / "usage.sqlite3")
    manager = LLMManager(
        registry,
        discovery.find,
        binaries.find,
        usage,
        lambda: ModelRef.parse(settings.settings.models.embedding),
    )
    setup = ProviderSetup(settings, credentials, registry, factory, lock)

    def planned(header: Header) -> LoadPlan | None:
        optimizes = settings.settings.models.optimize
        return plans.made(Subject.of(header)) if optimizes else None

    host = ServerHost(paths.data / "servers", registry, planned, lambda: bool(plans.room().gpus))

    async def token() -> str:
        return await credentials.get(TOKEN_KEY)

    access = Access(lambda: settings.settings.hub, token, lock)
    plans_view = PlansView(
        survey, remembered, engine_build, lambda: settings.settings.models, adapters, plans
    )
    return Core(
        paths=paths,
        settings=settings,
        worker=worker,
        manager=manager,
        speedometer=Speedometer(manager),
        starter=starter.find(shipped),
        setup=setup,
        usage=usage,
        host=host,
        adapters=named,
        credentials=credentials,
        survey=survey,
        plans=plans,
        plans_view=plans_view,
        library=library,
        judging=Judging(
            survey,
            lambda: wished.of_all(settings.settings.models, lambda: None),
            lambda: _released(manager, plans_view),
        ),
        trash=Trash(database),
        access=access,
        hub=Hub(access),
        downloads=Downloads(
            access,
            paths.data / "downloads.json",
            lock,
            speed_limit=settings.settings.hub.speed_limit,
        ),
    )


def _released(manager: LLMManager, plans: PlansView) -> Released:
    """What the model that is loaded in this process gives back before another one. May block."""
    loaded = manager.state.loaded
    if loaded is None or loaded.plan is None:
        return NOTHING_RELEASED
    return plans.open(loaded.info.ref, loaded).released


def _dressed(provider: Provider, endpoint: Endpoint, settings: SettingsFile) -> Provider:
    """A server's provider with the policies around it; the innermost is asked last."""
    limits = settings.settings.providers.named(endpoint.name)
    if limits is not None and (limits.requests_per_minute or limits.tokens_per_minute):
        provider = RateLimited(
            provider,
            requests=limits.requests_per_minute,
            tokens=limits.tokens_per_minute,
        )
    # A server on this computer that is not there is told at once; a far one may come back.
    provider = Retrying(provider, Patience(waits_for_server=_is_far(endpoint)))
    return CircuitBreaker(provider)


def _is_far(endpoint: Endpoint) -> bool:
    """Whether a server is on another computer; its address is as the person wrote it."""
    try:
        url = net.checked_url(kinds.with_defaults(endpoint).url)
    except Misconfigured:  # what a package adds may have none
        return False
    return not net.Link(url).is_here


async def resolve(core: Core, text: str) -> ModelRef:
    """The model that a person means by a path, a reference, a provider, or a name from the list.

    A reference to a server's model is taken as it is: the server knows whether it has the model.

    Raises:
        NoModel: nothing of that name is known.
    """
    ref = ModelRef.parse(text)
    is_local = ref is not None and ref.provider == local.NAME
    path = Path(ref.model if ref and is_local else text).expanduser()
    if is_local or path.exists():
        return ModelRef(local.NAME, str(path.absolute()))
    if ref is not None and _is_provider(core, ref.provider):  # its model may be called x.gguf
        return ref
    if path.suffix.lower() == catalog.SUFFIX:
        return ModelRef(local.NAME, str(path.absolute()))
    if _is_provider(core, text.removesuffix(":")):
        return await core.manager.default_model(text.removesuffix(":"))
    wanted = text.casefold()
    for model in await core.manager.models():
        if wanted in (model.name.casefold(), Path(model.ref.model).stem.casefold()):
            return model.ref
    raise NoModel(
        f"There is no model called “{text}”.",
        "Give the path of a .gguf file, or a name from: hearth models list.",
    )


def _is_provider(core: Core, name: str) -> bool:
    """Whether there is such a provider, or could be if its server ran."""
    return name in core.manager.registry.names() or name in kinds.kinds()


async def default_model(core: Core) -> ModelRef:
    """The model that was chosen, else the only one there is, else the starter.

    Raises:
        NoModel: there is none, or more than one to choose from.
    """
    at_start = core.settings.settings.models.at_start
    if at_start == STARTER and core.starter is not None:
        return core.starter
    selected = ModelRef.parse(at_start)
    if selected is not None:
        return selected
    known = [model for model in await core.manager.models() if model.features != {"embedding"}]
    models = [model.ref for model in known if model.ref != core.starter]
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

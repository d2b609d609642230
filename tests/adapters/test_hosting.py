"""The servers that Hearth starts, as providers: two at once, after a crash, and when it ends."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import gguf
from app.errors import HearthError
from app.llm.discovery import server_process
from app.llm.discovery.server_process import ServerProcess
from app.llm.hosting import ServerHost
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.llm.optimizer.planning import plan
from app.llm.optimizer.room import room
from app.llm.optimizer.wishes import NO_WISHES, Wishes
from app.llm.registry import Registry
from tests.adapters.asking import until
from tests.adapters.server_scripts import ask, install, is_gone
from tests.fakes import shaped_models

GIB = 1 << 30
NAME, SECOND = "llama-server", "llama-server-2"


@pytest.fixture
def registry() -> Registry:
    return Registry({})


@pytest.fixture
async def host(tmp_path: Path, registry: Registry) -> AsyncIterator[ServerHost]:
    made = ServerHost(tmp_path / "servers", registry)
    yield made
    await made.aclose()


@contextmanager
def listening() -> Iterator[int]:
    """A port that another program holds; it never says anything."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_two_that_are_started_at_once_are_two_providers(
    host: ServerHost, registry: Registry, tmp_path: Path
) -> None:
    program = install(tmp_path / "bin")
    names = await asyncio.gather(host.start(program), host.start(program))
    assert sorted(names) == [NAME, SECOND]
    assert sorted(registry.endpoints) == [NAME, SECOND]
    pids = [server.pid for server in host.running()]
    assert len(pids) == 2
    await host.aclose()
    assert all(map(is_gone, pids))


async def test_one_that_crashed_is_no_provider_and_gives_its_name_to_the_next(
    host: ServerHost, registry: Registry, tmp_path: Path
) -> None:
    errors: list[HearthError] = []
    host.on_crash(errors.append)
    program = install(tmp_path / "bin")
    await host.start(program)
    await ask(registry.endpoints[NAME].url, "/crash")
    await until(lambda: errors)
    await until(lambda: NAME not in registry.endpoints)
    assert await host.start(program) == NAME


async def test_another_port_is_tried_where_somebody_was_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as taken:
        free = server_process.free_port()
        ports = iter((taken, free))
        monkeypatch.setattr(server_process, "free_port", lambda: next(ports))
        monkeypatch.setattr(server_process, "REPLY_SECONDS", 0.2)
        server = ServerProcess(install(tmp_path / "bin"), tmp_path / "servers")
        try:
            assert await server.start() == f"http://127.0.0.1:{free}"
        finally:
            await server.stop()


def computer(free: float, *cards: float) -> Computer:
    """One with 32 GiB of memory, so many of them free, and cards with so many GiB."""
    return Computer(
        Processor(logical_cores=12, physical_cores=6),
        Memory(32 * GIB, round(free * GIB)),
        tuple(
            Gpu(f"Card {number}", total=round(card * GIB), free=round(card * GIB), is_usable=True)
            for number, card in enumerate(cards)
        ),
    )


@pytest.mark.parametrize(
    ("name", "here", "wishes", "special"),
    [
        ("llama", computer(16), NO_WISHES, {"--ctx-size": "8192", "--cache-type-k": "f16"}),
        # There is little room: the plan makes it smaller, and so does the server.
        ("llama", computer(5), NO_WISHES, {"--ctx-size": "2048", "--cache-type-v": "q8_0"}),
        ("llama", computer(16, 12), NO_WISHES, {"--n-gpu-layers": "33"}),  # the card has all
        ("mixtral", computer(28, 12), NO_WISHES, {"--n-gpu-layers": "33"}),  # but for experts
        ("llama", computer(16, 2, 2), NO_WISHES, {"--tensor-split": "0.5,0.5"}),
        (
            "llama",
            computer(16, 12),
            Wishes(context=1000, gpu_layers=0, flash_attention=False, threads=3, use_mlock=True),
            {"--n-gpu-layers": "0", "--threads": "3", "--batch-size": "1000"},
        ),
    ],
)
async def test_a_server_loads_as_the_plan_says(
    tmp_path: Path,
    registry: Registry,
    name: str,
    here: Computer,
    wishes: Wishes,
    special: dict[str, str],
) -> None:
    model = shaped_models.write(tmp_path / f"{name}.gguf", name)
    made = plan(here, gguf.read(model), wishes)
    has_card = bool(room(here).gpus)
    host = ServerHost(
        tmp_path / "servers",
        registry,
        lambda header: plan(here, header, wishes),
        lambda: has_card,
    )
    try:
        await host.start(install(tmp_path / "bin"), str(model))
        told = json.loads(host.log_of(NAME)[0])
    finally:
        await host.aclose()
    options = dict(zip(told["argv"][::2], told["argv"][1::2], strict=True))
    assert options.items() >= special.items()
    assert (
        options.items()
        >= {
            "--model": str(model),
            "--ctx-size": str(made.n_ctx),
            "--threads": str(made.n_threads),
            "--threads-batch": str(made.n_threads_batch),
            "--batch-size": str(made.n_batch),
            "--ubatch-size": str(made.n_ubatch),
            "--cache-type-k": made.type_k,
            "--cache-type-v": made.type_v,
        }.items()
    )
    assert ("--n-gpu-layers" in options) is has_card
    flash, locked = str(int(made.flash_attention)), {"LLAMA_ARG_MLOCK", "LLAMA_ARG_LOAD_MODE"}
    assert told["llama"]["LLAMA_ARG_FLASH_ATTN"] == flash
    assert told["llama"].get("LLAMA_ARG_N_CPU_MOE", "0") == str(made.cpu_expert_layers)
    assert (name == "mixtral") is (made.cpu_expert_layers > 0)
    assert (told["llama"].keys() >= locked) is made.use_mlock


async def test_without_a_plan_all_is_left_to_the_server(
    tmp_path: Path, registry: Registry, host: ServerHost
) -> None:
    model = shaped_models.write(tmp_path / "llama.gguf", "llama")
    await host.start(install(tmp_path / "bin"), str(model))
    told = json.loads(host.log_of(NAME)[0])
    assert told["argv"][4:] == ["--model", str(model)]
    assert told["llama"] == {}

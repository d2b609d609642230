"""What `hearth hardware` prints, of this computer and of others."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import hardware
from app.llm.optimizer.machine.records import Computer
from app.llm.optimizer.machine.usability import Installation, judge
from app.llm.runner.llama import devices
from app.schema import EngineBuild
from tests.adapters.test_cli import hearth
from tests.fakes.machines import Machine, cards, personal, servers
from tests.fakes.machines.windows_laptop import windows_laptop

PLAIN = EngineBuild("0.3.36", can_offload=False, backends=("CPU",))


def judged(machine: Machine, root: Path) -> Computer:
    found = machine.read(root)
    return replace(found, gpus=judge(found.gpus, PLAIN, Installation("linux", is_bundle=False)))


def lines(machine: Machine, root: Path) -> list[str]:
    return list(hardware.report(judged(machine, root), PLAIN))


def test_of_this_computer(tmp_path: Path) -> None:
    done = hearth(tmp_path, "hardware")
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split("  ")[0].strip() for line in done.stdout.splitlines()]
    for name in ("system", "processor", "cores", "memory", "llama.cpp", "graphics", "fingerprint"):
        assert name in names
    assert "llama-cpp-python" in done.stdout


def test_of_this_computer_as_json(tmp_path: Path) -> None:
    done = hearth(tmp_path, "hardware", "--json")
    told = json.loads(done.stdout)
    assert told["processor"]["usable_cores"] >= 1
    assert 0 < told["memory"]["usable_available"] <= told["memory"]["total"]
    assert told["llama_cpp"]["devices"][-1]["backend"] == "CPU"
    assert len(told["fingerprint"]) == 16
    assert not (tmp_path / "home").exists(), "nothing was written"


def test_what_llama_cpp_was_built_for_is_asked_of_itself() -> None:
    build = devices.build()
    assert "CPU" in build.backends
    processor = next(device for device in build.devices if device.backend == "CPU")
    assert not processor.is_gpu
    assert processor.total
    assert build.can_offload == any(device.is_gpu for device in build.devices)


def test_a_laptop(tmp_path: Path) -> None:
    told = lines(personal.hybrid_laptop(), tmp_path)
    assert told[0] == "computer      LENOVO ThinkPad X1 Carbon Gen 10"
    assert "cores         12: 4 performance, 8 efficiency; 16 hardware threads" in told
    assert "power         battery, 67 % full" in told
    assert not any(line.startswith("usable cores") for line in told), "all of them"
    at = told.index(
        "graphics      Intel Iris Xe Graphics, shares the computer's memory, driver i915, "
        "llama.cpp does not use it"
    )
    assert told[at + 1].strip().startswith("The installed llama.cpp was built without SYCL")
    assert "-DGGML_VULKAN=on" in told[at + 2]


def test_a_container_says_what_limits_it(tmp_path: Path) -> None:
    told = lines(servers.container_v2(), tmp_path)
    assert "usable cores  2 (a limit of 2 CPUs)" in told
    assert "memory limit  4.3 GB, 3.2 GB free" in told
    assert any(line.endswith("container (docker)") for line in told)
    tied = lines(servers.container_v1(), tmp_path / "v1")
    assert "usable cores  3 (a limit of 4 CPUs, tied to 3 cores)" in tied


@pytest.mark.parametrize("machine", [cards.two_nvidia(), cards.wsl(), windows_laptop()])
def test_the_json_has_every_fact(machine: Machine, tmp_path: Path) -> None:
    computer = judged(machine, tmp_path)
    told = json.loads(json.dumps(hardware.as_json(computer, PLAIN)))
    assert [gpu["name"] for gpu in told["gpus"]] == [gpu.name for gpu in computer.gpus]
    assert told["gpus"][0]["interface"] == "CUDA"
    assert told["gpus"][0]["is_usable"] is False
    assert told["processor"]["instruction_sets"] == sorted(computer.processor.instruction_sets)
    assert told["processor"]["physical_cores"] == computer.processor.physical_cores
    assert told["memory"]["total"] == computer.memory.total
    assert told["surroundings"]["is_wsl"] is computer.surroundings.is_wsl


def test_of_a_computer_of_which_nothing_is_known(tmp_path: Path) -> None:
    told = list(hardware.report(Machine().read(tmp_path), None))
    assert ["processor", "not", "known"] in [line.split() for line in told]
    assert any("cannot be loaded" in line for line in told)
    assert not any("None" in line for line in told)


def test_each_card_has_its_own_line(tmp_path: Path) -> None:
    told = [line for line in lines(cards.two_nvidia(), tmp_path) if line.startswith("graphics")]
    assert ["24.1 GB free" in line for line in told] == [True, False]
    assert ["25.4 GB free" in line for line in told] == [False, True]

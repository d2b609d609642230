"""Whether the installed llama.cpp can use each graphics card, and if not, why and what helps."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.llm.optimizer.machine.records import Gpu, Interface
from app.schema import EngineBuild, EngineDevice

VENDORS = {"CUDA": "NVIDIA", "ROCm": "AMD", "SYCL": "Intel"}  # whose cards a back end is for
OPTIONS: Mapping[Interface, str] = {  # of llama.cpp's build, ggml/CMakeLists.txt
    Interface.CUDA: "-DGGML_CUDA=on",
    Interface.ROCM: "-DGGML_HIP=on",
    Interface.METAL: "-DGGML_METAL=on",
    Interface.VULKAN: "-DGGML_VULKAN=on",
    Interface.SYCL: "-DGGML_SYCL=on",
}
WORDS = (
    ("nvidia", "NVIDIA"), ("geforce", "NVIDIA"), ("quadro", "NVIDIA"), ("tesla", "NVIDIA"),
    ("amd", "AMD"), ("radeon", "AMD"), ("intel", "Intel"), ("apple", "Apple"),
)  # fmt: skip
BUNDLE = "Use Hearth's bundle with Vulkan, which works with the cards of every maker."


@dataclass(frozen=True, slots=True)
class Installation:
    """How Hearth was installed, which decides how llama.cpp is exchanged."""

    system: str = sys.platform
    is_bundle: bool = bool(getattr(sys, "frozen", False))


def judge(
    gpus: Sequence[Gpu], build: EngineBuild | None, installed: Installation | None = None
) -> tuple[Gpu, ...]:
    """The cards, each with llama.cpp's name and memory for it, or with the reason and the remedy.

    Args:
        gpus: the cards of this computer.
        build: the installed llama.cpp; None where it cannot be loaded.
        installed: how Hearth was installed; none: as this one is.
    """
    installed = installed or Installation()
    if build is None:
        return tuple(_refused(gpu, "llama.cpp cannot be loaded.", DOCTOR) for gpu in gpus)
    judged = list(gpus)
    devices = [device for device in build.devices if device.is_gpu]
    has_card = any(not device.is_integrated for device in devices)
    taken: dict[int, set[str]] = {}  # the back ends that have a card, by its place in the list
    for device in devices:
        index = _match(gpus, device, taken)
        if index is None:
            index = len(judged)
            judged.append(_unheard_of(device))
        elif taken.get(index):  # the same card by a second back end
            taken[index].add(device.backend)
            continue
        taken.setdefault(index, set()).add(device.backend)
        judged[index] = _usable(judged[index], device, beside_card=has_card)
    return tuple(
        gpu if index in taken else _unusable(gpu, build, installed)
        for index, gpu in enumerate(judged)
    )


DOCTOR = "“hearth doctor” says why, and what helps."


def install_command(interface: Interface, version: str, system: str) -> str:
    """The line that builds llama.cpp again, for a shell or on Windows for PowerShell."""
    option = OPTIONS[interface]
    pip = f"pip install --force-reinstall --no-deps --no-cache-dir llama-cpp-python=={version}"
    if system == "win32":
        return f'$env:CMAKE_ARGS="{option}"; {pip}'
    return f'CMAKE_ARGS="{option}" {pip}'


def _match(gpus: Sequence[Gpu], device: EngineDevice, taken: Mapping[int, set[str]]) -> int | None:
    """The place of the card that a device is, by maker, name and kind; the first of equals."""
    best, place = 0, None
    for index, gpu in enumerate(gpus):
        if device.backend in taken.get(index, ()):
            continue
        likeness = _likeness(gpu, device)
        if likeness > best:
            best, place = likeness, index
    return place


def _likeness(gpu: Gpu, device: EngineDevice) -> int:
    """0 where they cannot be the same; the more, the surer."""
    maker = VENDORS.get(device.backend) or _maker(device.description)
    if gpu.vendor and maker and gpu.vendor != maker:
        return 0
    ours, theirs = _plain(gpu.name), _plain(device.description)
    if ours and ours == theirs:
        return 4
    if ours and theirs and (ours in theirs or theirs in ours):
        return 3
    if not (gpu.vendor and maker):
        return 0
    return 2 if gpu.is_unified in (None, device.is_integrated) else 1


def _usable(gpu: Gpu, device: EngineDevice, *, beside_card: bool) -> Gpu:
    found = replace(
        gpu,
        device=device.name,
        total=gpu.total or device.total,
        free=device.free if device.total else gpu.free,
        is_unified=gpu.is_unified if gpu.is_unified is not None else device.is_integrated,
        is_usable=True,
        reason="",
        remedy="",
    )
    if device.is_integrated and beside_card:
        return _refused(found, "llama.cpp leaves it alone where there is a graphics card.", "")
    return found


def _unheard_of(device: EngineDevice) -> Gpu:
    """A card that llama.cpp alone has found."""
    known = [interface for interface in Interface if interface.value == device.backend]
    return Gpu(
        name=device.description or device.name,
        vendor=VENDORS.get(device.backend) or _maker(device.description),
        interface=known[0] if known else Interface.VULKAN,
    )


def _unusable(gpu: Gpu, build: EngineBuild, installed: Installation) -> Gpu:
    if gpu.is_usable is False:  # its own reader knows better
        return gpu
    own = gpu.interface
    present = [one for one in dict.fromkeys((own, Interface.VULKAN)) if one in build.backends]
    if present:
        reason = (
            f"The installed llama.cpp was built with {_listed(present)}, but does not find this "
            "card: its driver is missing, too old, or told to hide it."
        )
        maker = gpu.vendor or "its maker"
        return _refused(gpu, reason, f"Install the current driver of {maker}, and start again.")
    reason = f"The installed llama.cpp was built without {own.value}."
    if own in (Interface.ROCM, Interface.SYCL):
        reason = f"The installed llama.cpp was built without {own.value} and without Vulkan."
    if gpu.driver == "nouveau":
        reason += " And the card's driver, nouveau, has no CUDA."
    return _refused(gpu, reason, _remedy(gpu, build, installed))


def _remedy(gpu: Gpu, build: EngineBuild, installed: Installation) -> str:
    if installed.is_bundle:
        return BUNDLE
    if gpu.interface in (Interface.CUDA, Interface.METAL):
        command = install_command(gpu.interface, build.version, installed.system)
        before = "Install NVIDIA's own driver, then" if gpu.driver == "nouveau" else "Install"
        return f"{before} llama.cpp with {gpu.interface.value}: {command}"
    # Vulkan works with the driver that is there; ROCm and SYCL need large packages of their own.
    command = install_command(Interface.VULKAN, build.version, installed.system)
    remedy = f"Install llama.cpp with Vulkan: {command}"
    if gpu.interface is Interface.VULKAN:
        return remedy
    return f"{remedy} (or, where {gpu.interface.value} is installed, {OPTIONS[gpu.interface]})"


def _refused(gpu: Gpu, reason: str, remedy: str) -> Gpu:
    return replace(gpu, is_usable=False, reason=reason, remedy=remedy)


def _listed(interfaces: Iterable[Interface]) -> str:
    return " and ".join(interface.value for interface in interfaces)


def _maker(description: str) -> str:
    told = description.lower()
    return next((maker for word, maker in WORDS if word in told), "")


def _plain(name: str) -> str:
    """A name without what one list has and another leaves out, such as (R) and “Graphics”."""
    told = re.sub(r"\((r|tm|radv|anv|nvk)[^)]*\)", " ", name.lower())
    told = re.sub(r"\b(nvidia|amd|ati|intel|corporation|graphics|gpu)\b", " ", told)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", told).split())

"""Parts from which the trees of Linux computers are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CPUS = "sys/devices/system/cpu"
SSE = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse "
    "sse2 ht syscall nx pdpe1gb rdtscp lm constant_tsc nopl cpuid pni pclmulqdq ssse3 fma cx16 "
    "sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand lahf_lm abm bmi1 avx2 bmi2 erms"
)
AVX512 = (
    "avx512f avx512dq avx512ifma avx512cd avx512bw avx512vl avx512vbmi avx512_vbmi2 avx512_vnni "
    "avx512_bitalg avx512_vpopcntdq avx512_bf16"
)
AMX = "avx_vnni avx512_fp16 amx_bf16 amx_tile amx_int8"


def x86(vendor: str, name: str, cpus: int, flags: str) -> dict[str, str]:
    """/proc/cpuinfo of a processor for PCs."""
    blocks = (
        f"processor\t: {cpu}\nvendor_id\t: {vendor}\ncpu family\t: 6\nmodel\t\t: 154\n"
        f"model name\t: {name}\nstepping\t: 3\nmicrocode\t: 0x42c\ncpu MHz\t\t: 2100.000\n"
        f"cache size\t: 18432 KB\nphysical id\t: 0\ncore id\t\t: {cpu}\nfpu\t\t: yes\n"
        f"flags\t\t: {flags}\nbugs\t\t: spectre_v1 spectre_v2\nbogomips\t: 4992.00\n"
        "address sizes\t: 39 bits physical, 48 bits virtual\npower management:\n"
        for cpu in range(cpus)
    )
    return {"proc/cpuinfo": "\n".join(blocks) + "\n"}


def arm(parts: Sequence[str], features: str, behind: str = "") -> dict[str, str]:
    """/proc/cpuinfo of a processor with ARM cores of these part numbers."""
    blocks = (
        f"processor\t: {cpu}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\n"
        f"CPU part\t: {part}\nCPU revision\t: 1\n"
        for cpu, part in enumerate(parts)
    )
    return {"proc/cpuinfo": "\n".join(blocks) + f"\n{behind}"}


def topology(groups: Iterable[str], cpus: int) -> dict[str, str]:
    """Which CPUs share a core: each group such as 0,16 or 0-1 is one."""
    files = {f"{CPUS}/online": f"0-{cpus - 1}\n", f"{CPUS}/possible": f"0-{cpus - 1}\n"}
    for group in groups:
        first, _, last = group.partition("-")
        members = range(int(first), int(last) + 1) if last else map(int, group.split(","))
        for cpu in members:
            files[f"{CPUS}/cpu{cpu}/topology/thread_siblings_list"] = f"{group}\n"
            files[f"{CPUS}/cpu{cpu}/topology/core_cpus_list"] = f"{group}\n"
            files[f"{CPUS}/cpu{cpu}/topology/core_id"] = f"{first.partition(',')[0]}\n"
    return files


def frequency(cpus: Iterable[int], khz: int, governor: str) -> dict[str, str]:
    """The highest frequency of CPUs, and how theirs is chosen."""
    files = {}
    for cpu in cpus:
        files[f"{CPUS}/cpu{cpu}/cpufreq/cpuinfo_max_freq"] = f"{khz}\n"
        files[f"{CPUS}/cpu{cpu}/cpufreq/scaling_governor"] = f"{governor}\n"
        files[f"{CPUS}/cpufreq/policy{cpu}/scaling_governor"] = f"{governor}\n"
    return files


def cache(index: int, level: int, kind: str, size: str, groups: Iterable[str]) -> dict[str, str]:
    """A level of caches, each shared by a group of CPUs such as 0-1."""
    files = {}
    for group in groups:
        first, _, last = group.partition("-")
        members = range(int(first), int(last) + 1) if last else map(int, group.split(","))
        for cpu in members:
            folder = f"{CPUS}/cpu{cpu}/cache/index{index}"
            files[f"{folder}/level"] = f"{level}\n"
            files[f"{folder}/type"] = f"{kind}\n"
            files[f"{folder}/size"] = f"{size}\n"
            files[f"{folder}/shared_cpu_list"] = f"{group}\n"
    return files


def memory(total: int, available: int, swap: int = 0) -> dict[str, str]:
    """/proc/meminfo, in KiB."""
    text = (
        f"MemTotal:       {total:8} kB\nMemFree:         1203340 kB\n"
        f"MemAvailable:   {available:8} kB\nBuffers:          120332 kB\n"
        f"SwapTotal:      {swap:8} kB\nSwapFree:       {swap:8} kB\nHugePages_Total:       0\n"
    )
    return {"proc/meminfo": text}


def status(allowed: str) -> dict[str, str]:
    """/proc/self/status, with the CPUs that the process may run on."""
    text = f"Name:\tpython\nUmask:\t0022\nCpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\n"
    return {"proc/self/status": text}


def system(name: str, kernel: str, maker: str = "", product: str = "") -> dict[str, str]:
    """The names of the system and of the computer."""
    files = {
        "etc/os-release": f'NAME="Linux"\nPRETTY_NAME="{name}"\nID=linux\n',
        "proc/sys/kernel/osrelease": f"{kernel}\n",
        "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-2.scope\n",
    }
    if maker:
        files["sys/class/dmi/id/sys_vendor"] = f"{maker}\n"
        files["sys/class/dmi/id/product_name"] = f"{product}\n"
    return files


def card(number: int, vendor: str, device: str, driver: str, slot: str) -> dict[str, str]:
    """A graphics card in /sys/class/drm, with a connector beside it."""
    folder = f"sys/class/drm/card{number}"
    identity = f"{vendor}:{device}".upper()
    return {
        f"{folder}/device/vendor": f"0x{vendor}\n",
        f"{folder}/device/device": f"0x{device}\n",
        f"{folder}/device/uevent": (
            f"DRIVER={driver}\nPCI_CLASS=30000\nPCI_ID={identity}\nPCI_SLOT_NAME={slot}\n"
        ),
        f"sys/class/drm/card{number}-DP-1/status": "connected\n",
        f"sys/class/drm/renderD{128 + number}/device/vendor": f"0x{vendor}\n",
    }


def amd_memory(number: int, vram: int, used: int, gtt: int, gtt_used: int) -> dict[str, str]:
    """What amdgpu tells of a card's memory, in bytes."""
    folder = f"sys/class/drm/card{number}/device"
    return {
        f"{folder}/mem_info_vram_total": f"{vram}\n",
        f"{folder}/mem_info_vram_used": f"{used}\n",
        f"{folder}/mem_info_gtt_total": f"{gtt}\n",
        f"{folder}/mem_info_gtt_used": f"{gtt_used}\n",
    }


def battery(name: str, state: str, percent: int, *, plugged: bool, mains: str) -> dict[str, str]:
    """A battery and the mains of a laptop."""
    folder = "sys/class/power_supply"
    return {
        f"{folder}/{name}/type": "Battery\n",
        f"{folder}/{name}/scope": "System\n",
        f"{folder}/{name}/status": f"{state}\n",
        f"{folder}/{name}/capacity": f"{percent}\n",
        f"{folder}/{mains}/type": "Mains\n",
        f"{folder}/{mains}/online": f"{int(plugged)}\n",
    }


def vulkan(*devices: tuple[str, str, str, str, str]) -> str:
    """What `vulkaninfo --summary` prints: kind, vendor, device, name, driver and its version."""
    text = (
        "==========\nVULKANINFO\n==========\n\nVulkan Instance Version: 1.3.275\n\n\n"
        "Instance Extensions: count = 2\n-------------------------------\n"
        "VK_KHR_surface                         : extension revision 25\n\nDevices:\n========\n"
    )
    for index, (kind, vendor, device, name, driver) in enumerate(devices):
        title, _, version = driver.partition(": ")
        text += (
            f"GPU{index}:\n\tapiVersion         = 1.3.274\n\tdriverVersion      = 24.0.5\n"
            f"\tvendorID           = 0x{vendor}\n\tdeviceID           = 0x{device}\n"
            f"\tdeviceType         = PHYSICAL_DEVICE_TYPE_{kind}\n"
            f"\tdeviceName         = {name}\n"
            f"\tdriverID           = DRIVER_ID_{title.upper().replace(' ', '_')}\n"
            f"\tdriverName         = {title}\n\tdriverInfo         = {version}\n"
            "\tconformanceVersion = 1.3.0.0\n"
            "\tdeviceUUID         = 00000000-0300-0000-0000-000000000000\n"
        )
    return text

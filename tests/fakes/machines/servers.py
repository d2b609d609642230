"""Servers with Linux, and containers on them."""

from __future__ import annotations

from tests.fakes.machines import GIB, Machine
from tests.fakes.machines import parts as p


def dual_socket() -> Machine:
    """Two Xeon Platinum 8480+: 112 cores, 2 NUMA nodes, AVX-512 and AMX."""
    cores = [f"{core},{core + 112}" for core in range(112)]
    flags = f"{p.SSE} {p.AVX512} {p.AMX}"
    files = {
        **p.x86("GenuineIntel", "Intel(R) Xeon(R) Platinum 8480+", 224, flags),
        **p.topology(cores, 224),
        **p.cache(0, 1, "Data", "48K", cores),
        **p.cache(3, 3, "Unified", "107520K", ["0-55", "56-111"]),
        **p.frequency(range(224), 3_800_000, "performance"),
        **p.memory(527_000_000, 510_000_000),
        **p.status("0-223"),
        **p.system("Red Hat Enterprise Linux 9.4 (Plow)", "5.14.0-427.el9", "Dell Inc.", "R760"),
        "sys/devices/system/node/node0/cpulist": "0-55,112-167\n",
        "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:       263500000 kB\n",
        "sys/devices/system/node/node1/cpulist": "56-111,168-223\n",
        "sys/devices/system/node/node1/meminfo": "Node 1 MemTotal:       263500000 kB\n",
        # The console of the server's own controller is no card to compute on.
        **p.card(0, "102b", "0536", "mgag200", "0000:03:00.0"),
    }
    return Machine(files=files)


def _epyc() -> dict[str, str]:
    return {
        **p.x86("AuthenticAMD", "AMD EPYC 7713P 64-Core Processor", 128, p.SSE),
        **p.topology([f"{core},{core + 64}" for core in range(64)], 128),
        **p.frequency(range(128), 3_720_703, "schedutil"),
        **p.memory(263_700_000, 201_000_000),
        **p.system("Debian GNU/Linux 12 (bookworm)", "6.1.0-25-amd64"),
        ".dockerenv": "",
    }


def container_v2() -> Machine:
    """A container of 2 of 64 cores and 4 GiB, with control groups of version 2."""
    files = {
        **_epyc(),
        **p.status("0-127"),
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids\n",
        "sys/fs/cgroup/cpu.max": "200000 100000\n",
        "sys/fs/cgroup/cpuset.cpus.effective": "0-127\n",
        "sys/fs/cgroup/memory.max": f"{4 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
        "sys/fs/cgroup/memory.stat": f"anon 536870912\nfile {2 * GIB}\ninactive_file {2 * GIB}\n",
    }
    return Machine(files=files)


def container_v1() -> Machine:
    """A container of 6 CPUs on 3 cores and 8 GiB, with control groups of version 1.

    The paths are those of the host, and only the container's own groups are mounted.
    """
    path = "/docker/3f0c5b9f0e5d"
    mount = "sys/fs/cgroup"
    files = {
        **_epyc(),
        **p.status("0-127"),
        "proc/self/cgroup": (
            f"12:cpuset:{path}\n8:memory:{path}\n4:cpu,cpuacct:{path}\n1:name=systemd:{path}\n"
        ),
        f"{mount}/cpu,cpuacct/cpu.cfs_quota_us": "400000\n",
        f"{mount}/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        f"{mount}/cpuset/cpuset.cpus": "0-2,64-66\n",
        f"{mount}/cpuset/cpuset.effective_cpus": "0-2,64-66\n",
        f"{mount}/memory/memory.limit_in_bytes": f"{8 * GIB}\n",
        f"{mount}/memory/memory.usage_in_bytes": f"{5 * GIB}\n",
        f"{mount}/memory/memory.stat": f"cache {GIB}\ninactive_file 0\ntotal_inactive_file {GIB}\n",
    }
    return Machine(files=files)

"""How busy NVIDIA's cards are, by the library of their driver: no process is started to ask it.

Source: NVIDIA's NVML API Reference Guide, on nvmlInit_v2, nvmlDeviceGetHandleByPciBusId_v2 and
nvmlDeviceGetUtilizationRates. Each function gives 0 where it has done what it was asked.
"""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
BusyAt = Callable[[str], int | None]
_LOG = logging.getLogger(__name__)


@contextmanager
def opened(library: str = LIBRARY) -> Iterator[BusyAt]:
    """Tells how busy the card at an address is, in percent; None where that is not known.

    A card is known by its place on the PCI bus, such as 0000:01:00.0. Each step may hang in the
    driver.
    """
    try:
        nvml = _loaded(library)
    except (OSError, AttributeError) as error:  # there is none, or one of another kind
        _LOG.info("NVIDIA's library is not used: %s", error)
        yield lambda _address: None
        return
    if nvml.nvmlInit_v2() != 0:
        yield lambda _address: None
        return
    try:
        yield _Cards(nvml).busy
    finally:
        nvml.nvmlShutdown()


class _Utilization(ctypes.Structure):
    """nvmlUtilization_t: percent of the last moment in which a card computed, or moved memory."""

    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Cards:
    def __init__(self, nvml: ctypes.CDLL) -> None:
        self._nvml = nvml
        self._handles: dict[str, ctypes.c_void_p | None] = {}  # by address; None: it has none

    def busy(self, address: str) -> int | None:
        if address not in self._handles:
            self._handles[address] = self._handle(address)
        handle, now = self._handles[address], _Utilization()
        if handle is None:
            return None
        if self._nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(now)) != 0:
            return None  # as of a card that is divided into instances
        return now.gpu if now.gpu <= 100 else None

    def _handle(self, address: str) -> ctypes.c_void_p | None:
        handle = ctypes.c_void_p()
        place = address.encode("ascii", "replace")
        if self._nvml.nvmlDeviceGetHandleByPciBusId_v2(place, ctypes.byref(handle)) != 0:
            return None
        return handle


def _loaded(library: str) -> ctypes.CDLL:
    """Raises OSError or AttributeError where it is no such library."""
    nvml = ctypes.CDLL(library)
    nvml.nvmlInit_v2.argtypes = nvml.nvmlShutdown.argtypes = []
    nvml.nvmlDeviceGetHandleByPciBusId_v2.argtypes = [
        ctypes.c_char_p,
        ctypes.POINTER(ctypes.c_void_p),
    ]
    nvml.nvmlDeviceGetUtilizationRates.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Utilization)]
    return nvml

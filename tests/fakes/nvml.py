"""A library with the functions of NVIDIA's that Hearth calls, for one card at 0000:21:00.0."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

ADDRESS = "0000:21:00.0"
SOURCE = """
#include <string.h>
typedef struct { unsigned int gpu, memory; } nvmlUtilization_t;
static struct { unsigned int gpu; int error; } card;
static int opened, started;

void set_busy(unsigned int percent, int error) { card.gpu = percent; card.error = error; }
void set_start(int error) { started = error; }
int users(void) { return opened; }

int nvmlInit_v2(void) {
    if (started) return started;
    opened++;
    return 0;
}
int nvmlShutdown(void) {
    opened--;
    return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char *place, void **device) {
    if (!opened) return 1;
    if (strcmp(place, "0000:21:00.0")) return 6;
    *device = &card;
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *device, nvmlUtilization_t *rates) {
    if (!opened || device != &card) return 1;
    if (card.error) return card.error;
    rates->gpu = card.gpu;
    rates->memory = 99;
    return 0;
}
"""


def compiler() -> str | None:
    """The C compiler of this computer, if it has one."""
    return shutil.which(os.environ.get("CC", "cc"))


class FakeNvml:
    """The library, in a file of its own; its card is as a test sets it."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "libnvidia-ml.so.1")
        command = [compiler() or "cc", "-shared", "-fPIC", "-x", "c", "-", "-o", self.path]
        subprocess.run(command, input=SOURCE.encode(), check=True)
        self._library = ctypes.CDLL(self.path)

    @property
    def users(self) -> int:
        """How often it was opened and not closed yet."""
        return int(self._library.users())

    def set(self, percent: int, error: int = 0) -> None:
        """How busy the card is from now on, or the number of the error in place of that."""
        self._library.set_busy(percent, error)

    def refuse(self, error: int) -> None:
        """Does not start any more."""
        self._library.set_start(error)

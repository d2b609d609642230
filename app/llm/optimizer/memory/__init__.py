"""How much memory a model takes when it is loaded, reckoned from its header alone."""

from app.llm.optimizer.memory.estimate import estimate
from app.llm.optimizer.memory.records import CPU, DeviceUse, Estimate
from app.llm.optimizer.memory.settings import CACHE_TYPES, Kernels, LoadSettings

__all__ = [
    "CACHE_TYPES",
    "CPU",
    "DeviceUse",
    "Estimate",
    "Kernels",
    "LoadSettings",
    "estimate",
]

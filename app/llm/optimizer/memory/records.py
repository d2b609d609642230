"""What a model takes, device by device."""

from __future__ import annotations

from dataclasses import dataclass

CPU = "CPU"


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """Bytes on one device."""

    name: str  # CPU, GPU0, GPU1, …
    weights: int = 0  # of the model, its adapters and its projector
    repacked: int = 0  # copies of weights: in the processor's own layout, or of a tied output
    cache: int = 0  # keys and values
    state: int = 0  # of recurrent layers
    compute: int = 0  # the buffer in which a batch is computed
    output: int = 0  # logits and vectors that are handed out
    work: int = 0  # what the processor's kernels convert, beside that buffer
    overhead: int = 0  # vocabulary, graphs, the GPU's own runtime

    @property
    def total(self) -> int:
        """All of it."""
        return (
            self.weights + self.repacked + self.cache + self.state
            + self.compute + self.output + self.work + self.overhead
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a model takes when it is loaded, and how far the figure can be trusted."""

    devices: tuple[DeviceUse, ...]  # the CPU first
    is_rough: bool = (
        False  # the architecture is not known in detail: rather too much than too little
    )

    @property
    def cpu(self) -> DeviceUse:
        """What is in the computer's memory."""
        return self.devices[0]

    @property
    def gpus(self) -> tuple[DeviceUse, ...]:
        """What is in the memory of each GPU."""
        return self.devices[1:]

    @property
    def total(self) -> int:
        """Bytes on all devices."""
        return sum(device.total for device in self.devices)

    @property
    def weights(self) -> int:
        """Bytes of weights on all devices."""
        return sum(device.weights for device in self.devices)

    @property
    def cache(self) -> int:
        """Bytes that grow with the context or the sequences, on all devices."""
        return sum(device.cache + device.state for device in self.devices)

    @property
    def compute(self) -> int:
        """Bytes to compute a batch, on all devices."""
        return sum(device.compute + device.output + device.work for device in self.devices)

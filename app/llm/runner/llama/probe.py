"""Measures what a device reaches with llama.cpp's own kernels, in about a second.

Weights of each type are multiplied with one vector, as when a token is written: many matrices after
one another, so that each comes from memory again; the same with few, which stay in the caches; and
one with many vectors, as when a prompt is read. The best of several runs counts, since whatever
else the computer does can only make a run slower.
"""

from __future__ import annotations

import ctypes
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from app.gguf.tables import TENSOR_TYPES
from app.llm.rates import FAR, NEAR, WIDTH, Rates
from app.llm.runner.llama.ggml import (
    CPU_DEVICE,
    F16,
    F32,
    InitParams,
    extra_buffer_types,
    functions,
)

VECTORS = 256  # of a prompt that are read at once
NARROW = 256  # of a matrix whose rows are short
HEADS, KV_HEADS, TOKENS = 16, 4, 512  # of attention, and what is in the KV cache
STEPS = 300  # of a chain whose steps compute next to nothing
SHORT = 256  # numbers of such a vector
LEAST_RUNS, MOST_RUNS = 4, 40
SECONDS = 0.08  # that a measurement goes on for, where its runs are short
NODES = 1024  # of a graph, at most
BOOKKEEPING = 1 << 20  # bytes for descriptions of tensors


class Probe:
    """One device, computing with a number of threads; `close` gives it back."""

    def __init__(self, device: str = "", *, extra_buffers: bool = True) -> None:
        """Opens a device by llama.cpp's name for it; "" is the processor.

        `extra_buffers` has weights repacked for the processor, as a load would have them.

        Raises:
            OSError: there is no such device, or the library lacks something.
        """
        self._ggml = functions()
        self._resources = ExitStack()
        ggml = self._ggml
        self._device = (
            ggml.ggml_backend_dev_by_name(device.encode())
            if device
            else ggml.ggml_backend_dev_by_type(CPU_DEVICE)
        )
        if not self._device:
            raise OSError(f"there is no device {device or 'CPU'}")
        self._is_cpu = not device
        self._layouts = extra_buffer_types(self._device) if extra_buffers else []
        self._backend = ggml.ggml_backend_dev_init(self._device, None)
        if not self._backend:
            raise OSError(f"the device {device or 'CPU'} cannot be used")
        self._resources.callback(ggml.ggml_backend_free, self._backend)

    def close(self) -> None:
        """Frees the device."""
        self._resources.close()

    def measure(
        self, kinds: Sequence[str], threads: Sequence[int], heads: Sequence[int] = ()
    ) -> Iterator[Rates]:
        """What is reached with each number of threads.

        Args:
            kinds: of weights, such as Q4_K.
            threads: how many compute.
            heads: widths of attention heads.
        """
        near: dict[int, dict[str, float]] = {count: {} for count in threads}
        far: dict[int, dict[str, float]] = {count: {} for count in threads}
        products: dict[int, dict[str, float]] = {count: {} for count in threads}
        for kind in kinds:
            for size, found in ((NEAR, near), (FAR, far)):
                with self._chain(kind, size) as (compute, total):
                    for count in threads:
                        found[count][kind] = total / self._best(compute, count)
            with self._chain(kind, NEAR, matrices=1, vectors=VECTORS) as (compute, _):
                for count in threads:
                    work = WIDTH * WIDTH * VECTORS
                    products[count][kind] = work / self._best(compute, count)
        rows = self._rows(kinds[0], threads, near) if kinds else dict.fromkeys(threads, 0.0)
        attending: dict[int, dict[int, float]] = {count: {} for count in threads}
        for width in heads:
            with self._attention(width) as compute:
                for count in threads:
                    work = HEADS * 2 * width * TOKENS
                    attending[count][width] = work / self._best(compute, count)
        with self._steps() as compute:
            steps = {count: self._best(compute, count) / STEPS for count in threads}
        for count in threads:
            yield Rates(
                count, near[count], far[count], products[count], attending[count], steps[count],
                rows[count],
            )  # fmt: skip

    def _rows(
        self, kind: str, threads: Sequence[int], near: Mapping[int, Mapping[str, float]]
    ) -> dict[int, float]:
        """Seconds that each row costs beside its weights: what narrow matrices take longer."""
        with self._chain(kind, NEAR // 8, width=NARROW) as (compute, total):
            row = len(_row(kind, NARROW)[1])
            more = total / row * (1 - NARROW / WIDTH)
            return {
                count: max(0.0, self._best(compute, count) - total / near[count][kind]) / more
                for count in threads
            }

    def _best(self, compute: Callable[[], None], threads: int) -> float:
        """Seconds of the fastest run."""
        if self._is_cpu:
            self._ggml.ggml_backend_cpu_set_n_threads(self._backend, threads)
        compute()  # to warm up
        times: list[float] = []
        while len(times) < LEAST_RUNS or (sum(times) < SECONDS and len(times) < MOST_RUNS):
            began = time.perf_counter()
            compute()
            times.append(time.perf_counter() - began)
        return max(min(times), 1e-9)

    @contextmanager
    def _chain(
        self, kind: str, size: int, matrices: int = 0, vectors: int = 1, width: int = WIDTH
    ) -> Iterator[tuple[Callable[[], None], int]]:
        """Matrices of a type, one behind the other; gives what computes them, and their bytes."""
        ggml = self._ggml
        type_id, row = _row(kind, width)
        rows = width  # so that each product is the next one's vector
        count = matrices or max(2, size // (len(row) * rows))
        with ExitStack() as stack:
            held, made = self._context(stack), self._context(stack)
            weights = [ggml.ggml_new_tensor_2d(held, type_id, width, rows) for _ in range(count)]
            start = result = ggml.ggml_new_tensor_2d(made, F32, width, vectors)
            for weight in weights:
                result = ggml.ggml_mul_mat(made, weight, result)
            buffer = self._allocated(held, self._layout(type_id))
            stack.callback(ggml.ggml_backend_buffer_free, buffer)
            matrix = row * rows
            for weight in weights:
                ggml.ggml_backend_tensor_set(weight, matrix, 0, len(matrix))
            yield self._computing(made, start, result, vectors, stack, width), count * len(matrix)

    @contextmanager
    def _attention(self, width: int) -> Iterator[Callable[[], None]]:
        """Heads of one width that look at the tokens in a KV cache, several times over."""
        ggml = self._ggml
        with ExitStack() as stack:
            made = self._context(stack)
            query = ggml.ggml_new_tensor_3d(made, F32, width, 1, HEADS)
            keys = ggml.ggml_new_tensor_3d(made, F16, width, TOKENS, KV_HEADS)
            values = ggml.ggml_new_tensor_3d(made, F16, width, TOKENS, KV_HEADS)
            result = ggml.ggml_flash_attn_ext(made, query, keys, values, None, 0.1, 0.0, 0.0)
            yield self._computing(made, query, result, HEADS, stack, width)

    @contextmanager
    def _steps(self) -> Iterator[Callable[[], None]]:
        """A chain of norms of one short vector."""
        ggml = self._ggml
        with ExitStack() as stack:
            made = self._context(stack)
            start = result = ggml.ggml_new_tensor_2d(made, F32, SHORT, 1)
            for _ in range(STEPS):
                result = ggml.ggml_rms_norm(made, result, 1e-5)
            yield self._computing(made, start, result, 1, stack, SHORT)

    def _layout(self, type_id: int) -> int | None:
        """The first of the layouts that can multiply weights of a type; None: as they are."""
        ggml = self._ggml
        for layout in self._layouts:
            with ExitStack() as stack:
                held, made = self._context(stack), self._context(stack)
                weight = ggml.ggml_new_tensor_2d(held, type_id, WIDTH, WIDTH)
                vector = ggml.ggml_new_tensor_2d(made, F32, WIDTH, 1)
                buffer = ggml.ggml_backend_alloc_ctx_tensors_from_buft(held, layout)
                if not buffer:
                    continue
                stack.callback(ggml.ggml_backend_buffer_free, buffer)
                product = ggml.ggml_mul_mat(made, weight, vector)
                if ggml.ggml_backend_dev_supports_op(self._device, product):
                    return layout
        return None

    def _computing(
        self, made: int, start: int, result: int, vectors: int, stack: ExitStack, width: int = WIDTH
    ) -> Callable[[], None]:
        ggml = self._ggml
        graph = ggml.ggml_new_graph_custom(made, NODES, False)
        ggml.ggml_build_forward_expand(graph, result)
        stack.callback(ggml.ggml_backend_buffer_free, self._allocated(made))
        numbers = bytes(_numbers(width)) * vectors
        ggml.ggml_backend_tensor_set(start, numbers, 0, len(numbers))

        def compute() -> None:
            if ggml.ggml_backend_graph_compute(self._backend, graph) != 0:
                raise OSError("the device failed to compute")

        return compute

    def _allocated(self, context: int, layout: int | None = None) -> int:
        """The buffer of all tensors of a context, in a layout or as the device has it."""
        ggml = self._ggml
        if layout is None:
            buffer = ggml.ggml_backend_alloc_ctx_tensors(context, self._backend)
        else:
            buffer = ggml.ggml_backend_alloc_ctx_tensors_from_buft(context, layout)
        if not buffer:
            raise MemoryError("there is not enough memory on the device")
        return int(buffer)

    def _context(self, stack: ExitStack) -> int:
        context = self._ggml.ggml_init(InitParams(BOOKKEEPING, None, True))
        stack.callback(self._ggml.ggml_free, context)
        return int(context)


def _numbers(count: int) -> ctypes.Array[ctypes.c_float]:
    """Numbers as a model has them; always the same."""
    source = random.Random(0)  # noqa: S311 - they are no secret
    return (ctypes.c_float * count)(*(source.gauss(0, 0.05) for _ in range(count)))


def _row(kind: str, width: int) -> tuple[int, bytes]:
    """A type's number, and a row of weights of that type."""
    ggml = functions()
    type_id = next(number for number, known in TENSOR_TYPES.items() if known[0] == kind)
    numbers = _numbers(width)
    if type_id == F32:
        return type_id, bytes(numbers)
    size = ggml.ggml_row_size(type_id, width)
    quantised = ctypes.create_string_buffer(size)
    importance = (ctypes.c_float * width)(*([1.0] * width))  # some types cannot do without
    ggml.ggml_quantize_chunk(type_id, numbers, quantised, 0, 1, width, importance)
    ggml.ggml_quantize_free()
    return type_id, quantised.raw

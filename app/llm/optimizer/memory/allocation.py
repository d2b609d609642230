"""How ggml lays the results of a computation out in one buffer, and how large that becomes.

The rules are those of ggml-alloc.c: inputs come first; a result takes the smallest hole that is
large enough, or grows the buffer at its end; some operations write over an argument that nobody
else needs, unless it is only seen through a view; an argument is freed after its last use; what
nobody uses stays.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

ALIGNMENT = 64  # bytes; ggml-impl.h, TENSOR_ALIGNMENT on the CPU


@dataclass(slots=True)
class _Result:
    size: int
    arguments: tuple[int, ...]
    over: tuple[int, ...]  # arguments that it may take the place of
    uses: int = 0
    offset: int = 0
    is_there: bool = False


class Computation:
    """A list of results in the order in which they are made; each is named by its number."""

    def __init__(self) -> None:
        self._inputs: list[int] = []
        self._results: list[_Result] = []
        self._holes: list[tuple[int, int]] = []  # offset and size, in order
        self._end = 0
        self._peak = 0

    def input(self, size: int) -> int:
        """Something that is given before the computation begins."""
        self._inputs.append(len(self._results))
        return self._add(size, (), ())

    def new(self, size: int, *arguments: int) -> int:
        """A result in a place of its own."""
        return self._add(size, arguments, ())

    def over(self, size: int, *arguments: int) -> int:
        """A result that takes the place of its first argument that nobody else needs."""
        return self._add(size, arguments, arguments[:1])

    def either(self, size: int, *arguments: int) -> int:
        """The same for any of its arguments."""
        return self._add(size, arguments, arguments)

    def use(self, *arguments: int) -> None:
        """Something that takes no room, such as a copy into the cache."""
        self._add(0, arguments, ())

    def size(self) -> int:
        """Bytes of the buffer."""
        for result in self._results:
            for argument in result.arguments:
                self._results[argument].uses += 1
        for number in self._inputs:
            self._place(self._results[number])
        given = set(self._inputs)
        for number, result in enumerate(self._results):
            if number not in given:
                self._make(result)
        return self._peak

    def _add(self, size: int, arguments: tuple[int, ...], over: tuple[int, ...]) -> int:
        aligned = -(-max(0, size) // ALIGNMENT) * ALIGNMENT
        self._results.append(_Result(aligned, arguments, over))
        return len(self._results) - 1

    def _make(self, result: _Result) -> None:
        for number in result.over:
            known = self._results[number]
            if known.is_there and known.uses == 1 and known.size >= result.size:
                result.offset, result.is_there, known.is_there = known.offset, True, False
                self._free(known.offset + result.size, known.size - result.size)
                break
        else:
            self._place(result)
        for number in result.arguments:
            argument = self._results[number]
            argument.uses -= 1
            if argument.uses == 0 and argument.is_there:
                argument.is_there = False
                self._free(argument.offset, argument.size)

    def _place(self, result: _Result) -> None:
        result.is_there = True
        size = result.size
        fitting = [(hole[1], -place) for place, hole in enumerate(self._holes) if hole[1] >= size]
        if fitting:
            place = -min(fitting)[1]
            offset, room = self._holes.pop(place)
            if room > size:
                self._holes.insert(place, (offset + size, room - size))
            result.offset = offset
        else:
            result.offset = self._end
            self._end += size
            self._peak = max(self._peak, self._end)

    def _free(self, offset: int, size: int) -> None:
        if size <= 0:
            return
        insort(self._holes, (offset, size))
        place = self._holes.index((offset, size))
        if place + 1 < len(self._holes) and offset + size == self._holes[place + 1][0]:
            size += self._holes.pop(place + 1)[1]
        if place and sum(self._holes[place - 1]) == offset:
            place -= 1
            offset = self._holes[place][0]
            size += self._holes.pop(place)[1]
        self._holes[place] = (offset, size)
        if offset + size == self._end:  # the room behind the last result has no end
            self._end = offset
            self._holes.pop(place)

"""The layout of a computation's results in one buffer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.llm.optimizer.memory.allocation import ALIGNMENT, Computation


def test_a_result_goes_where_one_was_that_nobody_needs() -> None:
    graph = Computation()
    first = graph.new(1024)
    second = graph.new(1024, first)
    graph.new(1024, second)  # in the place of the first
    assert graph.size() == 2048


def test_what_somebody_needs_later_stays() -> None:
    graph = Computation()
    first = graph.new(1024)
    second = graph.new(1024, first)
    third = graph.new(1024, second)
    graph.use(first, third)
    assert graph.size() == 3072


def test_writing_over_an_argument_takes_no_room_unless_it_is_needed_elsewhere() -> None:
    graph = Computation()
    first = graph.new(1024)
    graph.over(1024, first)
    assert graph.size() == 1024
    graph = Computation()
    first = graph.new(1024)
    second = graph.over(1024, first)
    graph.use(first, second)
    assert graph.size() == 2048


def test_inputs_come_first_and_stay_until_they_are_used() -> None:
    graph = Computation()
    first = graph.new(64)
    given_later = graph.input(4096)
    unused = graph.input(128)
    graph.new(4096, given_later)
    graph.new(64, first)
    assert graph.size() >= 2 * 4096 + 128
    assert unused == 2


def test_the_smallest_hole_that_is_large_enough_is_taken() -> None:
    graph = Computation()
    large, wall, small, end = (graph.new(size) for size in (4096, 64, 1024, 64))
    graph.use(large)
    graph.use(small)
    one = graph.new(1024)
    two = graph.new(4096)
    graph.use(wall, end, one, two)
    assert graph.size() == 4096 + 64 + 1024 + 64


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.lists(st.integers(0, 50))), max_size=40))
def test_a_buffer_holds_its_largest_result_and_never_more_than_all(
    made: list[tuple[int, list[int]]],
) -> None:
    graph = Computation()
    for number, (size, arguments) in enumerate(made):
        known = [argument for argument in arguments if argument < number]
        graph.either(size, *dict.fromkeys(known))
    rounded = [-(-size // ALIGNMENT) * ALIGNMENT for size, _ in made]
    assert max(rounded, default=0) <= graph.size() <= sum(rounded)

"""What the page remembers stays within its bounds, and what was used last stays."""

from hypothesis import given
from hypothesis import strategies as st

from underpainting.page.memory import Memory


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    memory: Memory[str, int] = Memory(lambda value: value, most=10, count=3)
    for key in "abc":
        memory.put(key, 1)
    assert memory.get("a") == 1
    memory.put("d", 1)
    assert [memory.get(key) for key in "abcd"] == [1, None, 1, 1]
    memory.put("e", 9)
    assert (memory.get("e"), len(memory), memory.held) == (9, 2, 10)


def test_one_that_is_too_large_is_kept_alone() -> None:
    memory: Memory[str, int] = Memory(lambda value: value, most=10, count=3)
    memory.put("a", 1)
    memory.put("b", 11)
    assert (memory.get("a"), memory.get("b")) == (None, 11)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=40))
def test_bounds_hold_whatever_comes(puts: list[tuple[int, int]]) -> None:
    memory: Memory[int, int] = Memory(lambda value: value, most=30, count=4)
    for key, value in puts:
        memory.put(key, value)
        assert memory.get(key) == value
        assert len(memory) <= 4 and (memory.held <= 30 or len(memory) == 1)

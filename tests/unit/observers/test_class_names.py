"""The right class of a prompt, as a person reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpainting.observers.class_names import class_numbers, right_classes

CLASSES = ("lemon", "orange", "table", "tiger, Panthera tigris", "tiger cat", "crane", "Crane", "berry")


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("a photo of a yellow lemon on a wooden floor", ["lemon"]),
        ("an orange", ["orange"]),
        ("orange fruit", ["orange"]),
        ("an orange table on a carpet", ["table"]),
        ("a table with an orange and a lemon", ["table"]),
        ("Two LEMONS, sliced", ["lemon"]),
        ("berries in a bowl", ["berry"]),
        ("a tiger cat asleep", ["tiger cat"]),
        ("Panthera tigris in snow", ["tiger, Panthera tigris"]),
        ("a crane at dawn", ["crane", "Crane"]),
        ("lemonade", []),
        ("a tablet", []),
        ("", []),
    ],
)
def test_prompts_name_their_class_or_none(prompt: str, names: list[str]) -> None:
    assert [CLASSES[i] for i in right_classes(prompt, CLASSES)] == names


@given(st.text(max_size=40), st.lists(st.text(max_size=12), max_size=5))
def test_any_prompt_and_names_are_taken(prompt: str, classes: list[str]) -> None:
    assert all(0 <= i < len(classes) for i in right_classes(prompt, classes))


@given(st.lists(st.sampled_from(["red", "lemon", "old", "orange", "on"]), max_size=6))
def test_a_class_is_found_only_where_its_word_stands(words: list[str]) -> None:
    found = [CLASSES[i] for i in right_classes(" ".join(words), CLASSES)]
    assert len(found) <= 1 and set(found) <= set(words)
    assert bool(found) == bool({"lemon", "orange"} & set(words))


def test_classes_are_given_by_name_or_synonym() -> None:
    assert class_numbers(["panthera tigris", "Lemon"], CLASSES) == (0, 3)
    assert class_numbers(["tiger, Panthera tigris"], CLASSES) == (3,)
    assert class_numbers(["crane"], CLASSES) == (5, 6)
    assert class_numbers(["dog"], CLASSES) == ()

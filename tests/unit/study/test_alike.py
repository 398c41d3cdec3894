"""Prompts that a model cannot tell apart are in one split, and one picture is made once."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpainting.diffusion import TextTokens
from underpainting.errors import UnderpaintingError
from underpainting.study.request.alike import cut_prompts, require_apart, tell_apart
from underpainting.study.request.config import SplitConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.request.splits import split_prompts


class Reader:
    """A model whose text encoder reads the first three letters, whatever their case."""

    def text_tokens(self, prompts: Sequence[str]) -> list[TextTokens]:
        """Three letters."""
        return [TextTokens((tuple(prompt.lower()[:3]),), 3, len(prompt) > 3) for prompt in prompts]


MODEL: Any = Reader()


def rows(*pairs: tuple[str, int], name: str = "p.csv") -> list[PromptRow]:
    """Pictures, each with its line."""
    return [PromptRow(prompt, seed, i, f"{name} line {i + 2}") for i, (prompt, seed) in enumerate(pairs)]


@given(
    st.lists(st.tuples(st.text("abAB", min_size=1, max_size=5), st.integers(0, 3)), min_size=12, unique=True)
)
def test_no_picture_is_made_twice_and_none_is_in_two_splits(pairs: list[tuple[str, int]]) -> None:
    told = tell_apart(rows(*pairs), [], MODEL)
    pictures = [(row.prompt.lower()[:3], row.seed) for row in told.rows]
    assert len(pictures) == len(set(pictures)) and set(pictures) == {(p.lower()[:3], s) for p, s in pairs}
    if len({prompt for prompt, _ in pictures}) > 2:
        splits = split_prompts([row.split_as for row in told.rows], SplitConfig())
        assert len({(prompt, split) for (prompt, _), split in zip(pictures, splits, strict=True)}) == len(
            {prompt for prompt, _ in pictures}
        )
        require_apart(told.rows, splits, MODEL)


def test_it_is_said() -> None:
    told = tell_apart(rows(("abcd", 1), ("ABCe", 1), ("abC", 2), ("x", 1)), [], MODEL)
    cut, left_out, together = told.said
    assert (
        cut.startswith("2 of 4 prompts are cut: the model reads 3 tokens") and "'abcd' (p.csv line 2)" in cut
    )
    assert "1 pictures; p.csv line 2 and p.csv line 3: 'abcd' and 'ABCe' are one prompt" in left_out
    assert together.startswith("1 prompts are split together") and "'abcd' with 'abC'" in together
    assert tell_apart(rows(("a", 1), ("b", 1)), [], MODEL).said == ()
    assert cut_prompts(rows(("abcd", 1), ("abc", 1)), MODEL) == 1
    cut, left_out = tell_apart(rows(("abc", 1), ("abcd", 1)), [], MODEL).said  # the cut one is left out, too
    assert cut.startswith("1 of 2 prompts are cut") and "'abcd' (p.csv line 3)" in cut
    assert left_out.startswith("left out") and "'abc' and 'abcd' are one prompt" in left_out


def test_prompts_that_all_differ_are_split_as_themselves() -> None:
    told = tell_apart(rows(("a", 1), ("b", 2), ("a", 3)), [], MODEL)
    assert [row.split_as for row in told.rows] == ["a", "b", "a"]


def test_without_the_model_case_and_blanks_alone_are_known() -> None:
    told = tell_apart(rows(("a  Mug", 1), ("A mug", 1), ("a mug, red", 1)), [], None)
    assert len(told.rows) == 3 and len({row.split_as for row in told.rows}) == 2
    assert "the same but for case and blanks" in told.said[0]


def test_what_tests_does_not_fit() -> None:
    fit, test = rows(("abcd", 1), ("b", 2)), rows(("c", 1), ("ABCD", 5), ("ABCE", 5), name="test.csv")
    with pytest.raises(
        UnderpaintingError, match=r"^p.csv line 2 and test.csv line 3: 'abcd' and 'ABCD' are one"
    ):
        tell_apart(fit, test, MODEL)
    told = tell_apart(fit[1:], test, MODEL)
    assert [row.prompt for row in told.test_rows] == ["c", "ABCD"] and told.rows == (fit[1],)
    with pytest.raises(UnderpaintingError, match=r"line 2 and .*line 3.* in two splits, fit and test; init"):
        require_apart(rows(("abcd", 1), ("ABCE", 2)), ["fit", "test"], MODEL)

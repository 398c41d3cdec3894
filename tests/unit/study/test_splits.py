"""Splits by prompt: none in two, none empty, in the shares asked for."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpainting.errors import UnderpaintingError
from underpainting.study.request.config import SplitConfig
from underpainting.study.request.splits import split_beside, split_prompts
from underpainting.vocabulary import SPLITS

prompt_lists = st.lists(st.integers(0, 30), min_size=4, max_size=80).filter(lambda x: len(set(x)) > 2)


@given(prompt_lists, st.integers(0, 5))
def test_no_prompt_is_in_two_splits_and_none_is_empty(numbers: list[int], seed: int) -> None:
    prompts = [str(number) for number in numbers]
    splits = split_prompts(prompts, SplitConfig(seed=seed))
    assert len(set(zip(prompts, splits, strict=True))) == len(set(prompts))
    assert set(splits) == set(SPLITS)
    assert splits.count("fit") >= 2


def test_shares_are_kept_and_the_seed_decides() -> None:
    prompts = [str(i) for i in range(1000)]
    first = split_prompts(prompts, SplitConfig())
    assert Counter(first) == {"fit": 600, "calibrate": 150, "test": 250}
    assert split_prompts(prompts, SplitConfig()) == first
    assert split_prompts(prompts, SplitConfig(seed=1)) != first
    backwards = split_prompts(prompts[::-1], SplitConfig())
    assert backwards[::-1] == first


def test_too_few_prompts() -> None:
    with pytest.raises(UnderpaintingError, match="too few"):
        split_prompts(["a", "b", "a", "b"], SplitConfig())


@given(prompt_lists, st.integers(0, 5))
def test_beside_pictures_that_test_the_others_fit_and_calibrate(numbers: list[int], seed: int) -> None:
    prompts = [str(number) for number in numbers]
    splits = split_beside(prompts, SplitConfig(seed=seed))
    assert len(set(zip(prompts, splits, strict=True))) == len(set(prompts))
    assert set(splits) == {"fit", "calibrate"}


def test_beside_pictures_that_test_shares_keep_their_proportion() -> None:
    splits = split_beside([str(i) for i in range(1000)], SplitConfig())
    assert Counter(splits) == {"fit": 800, "calibrate": 200}
    with pytest.raises(UnderpaintingError, match="one prompt are too few"):
        split_beside(["a", "a"], SplitConfig())

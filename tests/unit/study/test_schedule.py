"""Splits, batches and shards."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpainting.errors import UnderpaintingError
from underpainting.study.config import SplitConfig
from underpainting.study.plan import plan_shards
from underpainting.study.prompts import PromptRow
from underpainting.study.splits import SPLITS, split_prompts

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


@given(
    st.lists(st.sampled_from(SPLITS), min_size=1, max_size=90),
    st.integers(2, 9),
    st.integers(1, 40),
)
def test_shards_hold_every_picture_once_and_no_batch_has_one(
    splits: list[str], batch: int, shard: int
) -> None:
    rows = [PromptRow(str(i), i, i) for i in range(len(splits))]
    shards = plan_shards(rows, splits, batch, shard)
    assert [s.number for s in shards] == list(range(len(shards)))
    made = [row.seed for s in shards for row in s.pictures]
    assert made == [i for name in SPLITS for i, of in enumerate(splits) if of == name]
    for s in shards:
        assert {splits[row.seed] for row in s.pictures} == {s.split}
        assert len(s.pictures) <= max(batch, shard) + 1
        for rows_of in s.batches:
            assert len(rows_of) <= batch + 1
            assert len(rows_of) > 1 or splits.count(s.split) == 1

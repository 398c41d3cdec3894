"""Batches and shards: every picture once, no batch of one."""

from hypothesis import given
from hypothesis import strategies as st

from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import largest_batch, plan_shards
from underpainting.vocabulary import SPLITS


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
        assert s.split != "calibrate" or len(s.batches) == 1
    told = largest_batch([splits.count(name) for name in SPLITS], batch)
    assert told == max(len(rows_of) for s in shards for rows_of in s.batches)

"""What is written, and when larger shards are advised: a study of SDXL, worked out by hand."""

import re

import pytest

from underpainting.study.disk import disk, shard_advice

GB = 1_000_000_000
TOTALS, PICTURE = 25 * GB, 2 * 1024**2


def test_totals_are_written_twice_a_shard_and_three_are_there_at_once() -> None:
    several = disk(100 * GB, 7 * GB, TOTALS, 19)
    assert several.stays == 125 * GB
    assert several.most == 175 * GB
    assert several.written == 107 * GB + 38 * TOTALS
    alone = disk(100 * GB, 7 * GB, TOTALS, 1)
    assert (alone.most, alone.written) == (150 * GB, 157 * GB)
    assert disk(100 * GB, 300 * GB, TOTALS, 19).most == 425 * GB


def test_a_larger_shard_is_advised_where_most_of_it_is_totals() -> None:
    use = disk(12 * GB, 0, TOTALS, 19)  # 600 fit pictures of 1,000 in shards of 32
    said = shard_advice(use, 1000 * PICTURE, 600, 8, 32, 10_000, 1.4)
    assert said and "19 times" in said and "--set run.shard_size=600" in said
    assert "900 GB less" in said and "(14 min)" in said and "no more than 1 workers" in said
    again = disk(12 * GB, 0, TOTALS, 1)
    assert shard_advice(again, 1000 * PICTURE, 600, 8, 600, 10_000, 1.4) is None


def test_shards_are_no_larger_than_needed_and_than_memory_holds() -> None:
    use = disk(100 * GB, 0, TOTALS, 625)  # of 20,000 fit pictures: 31 TB
    said = shard_advice(use, 30_000 * PICTURE, 20_000, 8, 32, 10_000, None)
    size = int(re.findall(r"shard_size=(\d+)", said or "")[0])
    assert size % 8 == 0
    written = {n: -(-20_000 // n) * 2 * TOTALS for n in (size, size - 8)}
    limit = min(20 * 30_000 * PICTURE, 10 * use.stays)
    assert written[size] <= limit < written[size - 8]
    said = shard_advice(use, 30_000 * PICTURE, 20_000, 8, 32, 100, None)
    assert said and "shard_size=96" in said and "(" not in said


@pytest.mark.parametrize("totals", [GB // 10, GB])
def test_a_little_is_written_without_a_word(totals: int) -> None:
    use = disk(GB, 0, totals, 4)
    assert shard_advice(use, GB // 1000, 128, 8, 32, 10_000, 1.0) is None

"""What a calibrate shard keeps of its scores, and their means over all shards."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from underpainting.errors import UnderpaintingError
from underpainting.study.kept.scores import Scores
from underpainting.study.kept.shards import mean_scores, read_part, write_part


def drawn(pictures: int, seed: int) -> dict[str, Scores]:
    """Scores of two sources, some of them not there; one score that no picture has."""
    generator = torch.Generator().manual_seed(seed)
    rank = torch.rand(pictures, 2, 3, generator=generator, dtype=torch.float64)
    rank[torch.rand(rank.shape, generator=generator) < 0.3] = torch.nan
    rank[:, 1, 1] = torch.nan
    curve = torch.rand(pictures, 2, 4, generator=generator)
    return {
        "probe": {("depth", "spearman"): rank, ("saliency", "curve"): curve},
        "position": {("depth", "spearman"): rank[:, 0].clone()},
    }


def test_a_part_comes_back_as_it_was_written(tmp_path: Path) -> None:
    scores = drawn(3, 0)
    write_part(tmp_path / "part", scores)
    back = read_part(tmp_path / "part")
    assert back.keys() == scores.keys()
    for source, own in scores.items():
        assert back[source].keys() == own.keys()
        for key, values in own.items():
            torch.testing.assert_close(back[source][key], values, rtol=0, atol=0, equal_nan=True)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_means_over_parts_are_numpys_over_all_pictures(sizes: list[int], seed: int, tmp_path: Path) -> None:
    parts, paths = [drawn(size, seed + i) for i, size in enumerate(sizes)], []
    for i, part in enumerate(parts):
        paths.append(tmp_path / f"{i}.safetensors")
        write_part(paths[-1], part)
    means = mean_scores(paths)
    for source, own in parts[0].items():
        assert means[source].keys() == own.keys()
        for key in own:
            every = np.concatenate([part[source][key].double().numpy() for part in parts])
            there = np.isfinite(every)
            with np.errstate(invalid="ignore"):
                expected = np.where(there, every, 0).sum(0) / there.sum(0)
            np.testing.assert_allclose(means[source][key].numpy(), expected, rtol=1e-12)
    assert means["probe"]["depth", "spearman"][1, 1].isnan()


def test_a_broken_part_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"no scores")
    for read in (read_part, lambda path: mean_scores([path])):
        with pytest.raises(UnderpaintingError, match=r"part is no readable file of scores.*remove its shard"):
            read(tmp_path / "part")

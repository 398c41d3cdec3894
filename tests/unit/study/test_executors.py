"""Where shards are made: which places there are, and what is none."""

from typing import Any

import pytest

from underpainting.errors import UnderpaintingError
from underpainting.study.cluster.job import Cluster
from underpainting.study.executors import find_cluster


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("slurm",), "give here or ray"),
        (("here", "10.0.0.1:6379"), "run on ray"),
        (("here", None, 1.0), "run on ray"),
        (("ray", "ray://10.0.0.1:10001"), "give HOST:PORT"),
        (("ray", "10.0.0.1"), "give HOST:PORT"),
        (("ray", "10.0.0.1:99999"), "give HOST:PORT"),
        (("ray", None, 1.5), "whole number"),
        (("ray", None, -1.0), "from 0"),
    ],
)
def test_places_that_are_none(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(UnderpaintingError, match=said):
        find_cluster(*given)


def test_places() -> None:
    assert find_cluster("here") is None
    assert find_cluster("ray") == Cluster(None, None)
    assert find_cluster("ray", "[fd00::1]:6379", 0.5) == Cluster("[fd00::1]:6379", 0.5)

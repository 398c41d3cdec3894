"""A short form of `python -m benchmarks.faults`: killed for real, gone on with, and the same bytes."""

import errno
import os
import random
from pathlib import Path

import pytest

from benchmarks import faults
from underpainting import UnderpaintingError
from underpainting.records import atomic_folder, replacing


def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    config = faults.tiny_config(tmp_path)
    whole, seconds = faults.undisturbed(tmp_path / "whole", config)
    assert len(whole) > 60
    rng = random.Random(1)
    outcomes = [faults.killed(tmp_path / str(i), config, whole, rng.uniform(0, seconds)) for i in range(3)]
    assert outcomes == [faults.SAME] * 3


@pytest.mark.parametrize("writer", [replacing, atomic_folder])
@pytest.mark.parametrize("number", ["ENOSPC", "EROFS", "EACCES"])
def test_a_disk_that_refuses_is_one_line(writer: object, number: str, tmp_path: Path) -> None:
    with (
        pytest.raises(UnderpaintingError, match=r"cannot be written: .*same command again") as caught,
        writer(tmp_path / "x"),  # type: ignore[operator]
    ):
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)))
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())

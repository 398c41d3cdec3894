"""Intrinsic, whose package is not here (how it loads offline: tests/pipeline/study/test_offline.py)."""

import pytest

from underpainting import load_estimator
from underpainting.errors import UnderpaintingError


def test_intrinsic_says_how_to_get_it() -> None:
    with pytest.raises(UnderpaintingError, match=r"needs its package .*: `pip install git"):
        load_estimator("intrinsic")

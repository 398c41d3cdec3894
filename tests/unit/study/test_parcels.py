"""Files as bytes: they arrive as they were packed, or not at all."""

from pathlib import Path

import pytest

from benchmarks.faults import contents
from underpainting.errors import UnderpaintingError
from underpainting.study.cluster.parcels import pack, unpack


def test_a_parcel_arrives_as_it_was_packed_or_not_at_all(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "a" / "b").mkdir(parents=True)
    (here / "a" / "b" / "one").write_bytes(b"1")
    (here / "two").write_bytes(b"22")
    parcel = pack(here, [here / "a", here / "two", here / "not there"])
    unpack(parcel, there)
    assert contents(there) == contents(here)
    for changed in ({"two": b"23"}, {"a/b/one": b"12"}, {"three": b""}):
        with pytest.raises(UnderpaintingError, match="changed on their way"):
            unpack(({**parcel[0], **changed}, parcel[1]), tmp_path / "never")
    assert not (tmp_path / "never").exists()

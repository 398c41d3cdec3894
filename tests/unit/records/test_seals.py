import hashlib

import pytest

from underpainting.errors import UnderpaintingError
from underpainting.records import (
    atomic_folder,
    check_seal,
    remove,
    require_whole,
    sealing,
    sha256_file,
    verify_folder,
)


def test_every_kind_of_damage_is_named(tmp_path) -> None:
    path = tmp_path / "shard"
    with atomic_folder(path) as temporary:
        for name in ("changed", "lost", "kept"):
            (temporary / name).write_bytes(name.encode())
    (path / "changed").write_bytes(b"chanqed")
    (path / "lost").unlink()
    (path / "foreign").write_bytes(b"")
    problems = verify_folder(path)
    assert [p.removeprefix(f"{path}/").split(":")[0] for p in problems] == ["lost", "foreign", "changed"]
    (path / "checksums.json").write_text("no json")
    assert "checksums.json" in verify_folder(path)[0]
    assert "checksums.json" in verify_folder(tmp_path / "nowhere")[0]


def test_a_folder_under_another_name_is_damage(tmp_path) -> None:
    for name in ("one", "two"):
        with atomic_folder(tmp_path / name) as temporary:
            (temporary / "rows").write_bytes(name.encode())
    (tmp_path / "one").rename(tmp_path / "kept")
    (tmp_path / "two").rename(tmp_path / "one")
    assert verify_folder(tmp_path / "one") == [f"{tmp_path / 'one'}: holds what was two"]


def test_a_seal_is_what_sha256sum_writes_and_finds_every_change(tmp_path) -> None:
    path = tmp_path / "scores.parquet"
    with sealing(path) as temporary:
        temporary.write_bytes(b"figures")
        assert not path.exists()
    digest = hashlib.sha256(b"figures").hexdigest()
    assert (tmp_path / "scores.parquet.sha256").read_text() == f"{digest}  scores.parquet\n"
    assert check_seal(path) is None
    require_whole(path, "do something")
    for content in (b"figurez", b"figure", b""):
        path.write_bytes(content)
        assert check_seal(path) == "contents changed"
    with pytest.raises(UnderpaintingError, match=r"scores\.parquet: contents changed; do something"):
        require_whole(path, "do something")
    path.write_bytes(b"figures")
    (tmp_path / "scores.parquet.sha256").rename(tmp_path / "other.sha256")
    assert check_seal(path) == "scores.parquet.sha256 is missing"
    path.rename(tmp_path / "other")
    assert check_seal(tmp_path / "other") == "contents changed"  # sealed under another name


def test_an_error_while_sealing_keeps_file_and_seal(tmp_path) -> None:
    path = tmp_path / "file"
    with sealing(path) as temporary:
        temporary.write_bytes(b"old")
    with pytest.raises(RuntimeError), sealing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old" and check_seal(path) is None
    remove(path)
    remove(path)
    assert list(tmp_path.iterdir()) == []


def test_sha256_is_hashlibs(tmp_path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()

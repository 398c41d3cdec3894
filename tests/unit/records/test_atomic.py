import hashlib

import pytest

from underpainting.errors import UnderpaintingError
from underpainting.records import (
    atomic_folder,
    check_seal,
    clear_partial,
    remove,
    replacing,
    require_whole,
    sealing,
    sha256_file,
    verify_folder,
    write_bytes,
)


def test_write_bytes_replaces_and_leaves_nothing_else(tmp_path) -> None:
    path = tmp_path / "new" / "file.bin"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_keeps_the_old_file(tmp_path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_the_target_is_untouched_until_the_end(tmp_path) -> None:
    path = tmp_path / "shards" / "00007"
    with atomic_folder(path) as temporary:
        (temporary / "images").mkdir()
        (temporary / "images" / "a.png").write_bytes(b"picture")
        (temporary / "rows").write_bytes(b"rows")
        assert not path.exists() and temporary.parent == path.parent
    assert [p.name for p in path.parent.iterdir()] == ["00007"]
    assert (path / "images" / "a.png").read_bytes() == b"picture"
    assert verify_folder(path) == []


def test_an_error_while_filling_leaves_nothing(tmp_path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "shard") as temporary:
        (temporary / "rows").write_bytes(b"rows")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused_and_kept(tmp_path) -> None:
    (tmp_path / "shard").mkdir()
    (tmp_path / "shard" / "rows").write_bytes(b"rows")
    with pytest.raises(UnderpaintingError, match="exists already"), atomic_folder(tmp_path / "shard"):
        pass
    assert (tmp_path / "shard" / "rows").read_bytes() == b"rows"


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


def test_leftovers_of_a_killed_run_are_cleared_and_nothing_else(tmp_path) -> None:
    killed = atomic_folder(tmp_path / "shard")
    temporary = killed.__enter__()
    (temporary / "rows").write_bytes(b"half")
    half = replacing(tmp_path / "table")
    half.__enter__().write_bytes(b"half")
    (tmp_path / "whole").write_bytes(b"whole")
    (tmp_path / ".hidden").write_bytes(b"kept")
    assert len(list(tmp_path.iterdir())) == 4
    clear_partial(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "whole"]


def test_sha256_is_hashlibs(tmp_path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()

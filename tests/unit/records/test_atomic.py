import pytest

from underpainting.errors import UnderpaintingError
from underpainting.records import (
    atomic_folder,
    clear_partial,
    replacing,
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

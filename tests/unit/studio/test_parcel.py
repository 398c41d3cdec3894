"""A folder as a few files."""

from pathlib import Path

import pytest

from studio.parcel import join, split


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_comes_back_from_pieces_of_limited_size_and_the_newest_is_whole(tmp_path: Path) -> None:
    folder, out = tmp_path / "folder", tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    for fill in (b"a", b"b"):
        (folder / "deep" / "weights").write_bytes(fill * 70_000)
        pieces = split(folder, out, piece=30_000)
    assert len(pieces) == 3 and all(p.stat().st_size <= 30_000 for p in pieces)
    assert {p.name for p in out.iterdir()} == {p.name for p in pieces} | {"still-life.json"}
    join(out, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)


def test_a_cut_while_pieces_are_written_leaves_the_ones_before(tmp_path: Path) -> None:
    folder, out = tmp_path / "folder", tmp_path / "out"
    folder.mkdir()
    (folder / "weights").write_bytes(b"a" * 50_000)
    split(folder, out, piece=30_000)
    (out / "still-life-00000000.tar.0").write_bytes(b"half of a newer one")
    join(out, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda pieces: pieces[1].unlink(), "lacks"),
        (lambda pieces: pieces[0].write_bytes(b"?"), "damaged"),
        (lambda pieces: (pieces[0].parent / "still-life.json").unlink(), r"has no still-life\.json"),
    ],
)
def test_what_is_missing_or_damaged_is_said(harm, said, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "weights").write_bytes(b"a" * 50_000)
    harm(split(folder, tmp_path / "out", piece=30_000))
    with pytest.raises(SystemExit, match=said):
        join(tmp_path / "out", tmp_path / "back")
    assert not (tmp_path / "back").exists()

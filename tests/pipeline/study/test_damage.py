"""Files of a study damaged in every place: found, named, made again to the same bytes, or refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import faults
from benchmarks.faults import contents, flipped, truncated
from tests.pipeline.study.conftest import Notes
from underpainting.cli import main
from underpainting.diffusion import Model, load
from underpainting.errors import UnderpaintingError
from underpainting.study.damage import find_damage
from underpainting.study.results import results
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, open_study

FOREVER = ("prompts.parquet", "environment.json")  # cannot be made again


def swapped(path: Path, folder: Path) -> None:
    """Exchange contents with another file, of the same kind where there is one."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    others = [p for p in files if not p.name.startswith((*FOREVER, "study"))]
    others.sort(key=lambda p: p.suffix != path.suffix)
    faults.swapped(path, next(p for p in others if p.read_bytes() != path.read_bytes()))


def removed(path: Path, folder: Path) -> None:
    path.unlink()


@pytest.fixture(scope="module")
def loaded(pipeline_folder: Path) -> Model:
    return load(pipeline_folder, device="cpu")


def kinds(study: StudyFolder) -> list[str]:
    """One file of each kind and split, as paths in the study."""
    chosen: dict[tuple[str, ...], str] = {}
    splits = {f"{shard.number:05d}": shard.split for shard in study.shards}
    for path in sorted(p for p in study.folder.rglob("*") if p.is_file()):
        name = path.relative_to(study.folder)
        if name.name in (*FOREVER, "study.toml") or name.name.startswith(FOREVER):
            continue
        kind = tuple(splits.get(part, part) for part in name.parts[:-1])
        chosen.setdefault((*kind, path.suffix if "images" in kind else name.name), name.as_posix())
    return list(chosen.values())


DAMAGES = (truncated, flipped, swapped, removed)


def damaged_and_run(
    name: str,
    damage: Callable[[Path, Path], None],
    finished: StudyFolder,
    folder: Path,
    loaded: Model,
    estimator: Any,
) -> None:
    shutil.copytree(finished.folder, folder)
    damage(folder / name, folder)
    study, notes = open_study(folder), Notes()
    found = find_damage(study)
    if (name, damage) != ("scores.parquet", removed):  # a study without scores is not done
        assert any(f"{folder / name}".startswith(f"{d.path}") for d in found), (name, found)
    run_study(study, model=loaded, estimator=estimator, progress=notes)
    assert len(notes.lines) == len(found)
    assert contents(folder) == contents(finished.folder), name
    assert find_damage(study) == []


def test_damage_anywhere_is_named_and_made_again(
    finished: StudyFolder, loaded: Model, estimator: Any, tmp_path: Path
) -> None:
    names = kinds(finished)
    assert len(names) > 20
    for i, name in enumerate(names[::3]):  # the slow test below does all of them
        damaged_and_run(name, DAMAGES[i % 4], finished, tmp_path / str(i), loaded, estimator)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_everywhere(
    damage: Callable[[Path, Path], None], finished: StudyFolder, loaded: Model, estimator: Any, tmp_path: Path
) -> None:
    for i, name in enumerate(kinds(finished)):
        damaged_and_run(name, damage, finished, tmp_path / str(i), loaded, estimator)


@pytest.mark.parametrize("damage", [truncated, flipped, removed])
@pytest.mark.parametrize("name", FOREVER)
def test_what_cannot_be_made_again_is_refused(
    damage: Callable[[Path, Path], None], name: str, finished: StudyFolder, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished.folder, folder)
    damage(folder / name, folder)
    with pytest.raises(UnderpaintingError, match=f"{name}.*init another folder"):
        open_study(folder)


def test_damaged_figures_are_not_shown(finished: StudyFolder, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished.folder, folder)
    flipped(folder / "scores.parquet", folder)
    with pytest.raises(UnderpaintingError, match=r"scores\.parquet.*run"):
        results(open_study(folder))
    with pytest.raises(SystemExit) as left:
        main(["report", str(folder)])
    assert left.value.code == 2 and not (folder / "report").exists()


def test_verify_changes_nothing_and_says_what_a_run_would_do(
    finished: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished.folder, folder)

    def call() -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(["verify", str(folder)])
        assert isinstance(left.value.code, int)
        return left.value.code, capsys.readouterr().out

    code, out = call()
    assert code == 0 and "of 14 pictures, 4 of 4 shards made, done" in out
    flipped(folder / "shards/00001/labels.safetensors", folder)
    before = contents(folder)
    code, out = call()
    assert (
        code == 1 and "shards/00001" in out and "contents changed" in out and "pictures are made again" in out
    )
    assert contents(folder) == before

"""Pictures and maps for other programs: a folder that `datasets` loads, and that plain files are."""

import json
import shutil
from pathlib import Path
from subprocess import run
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tests.command import call
from underpainting import Study, UnderpaintingError
from underpainting.dataset import write
from underpainting.dataset.write import box, export
from underpainting.study.environment import reload
from underpainting.study.study import StudyFolder


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def values(picture: Any, row: dict[str, Any], name: str) -> np.ndarray:
    """The values of a map of 16 bits."""
    levels = np.asarray(picture).astype(float)
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return low + levels / 65535 * (high - low)


@pytest.mark.usefixtures("offline")
def test_datasets_loads_what_the_study_has(
    done: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call("export", done.folder, out, "--steps", "2") == 0
    loaded = datasets.load_dataset(str(out))
    assert {split: of.num_rows for split, of in loaded.items()} == done.images
    pictures = Study.open(done.folder).pictures().set_index("image")
    labels = {name: done.labels(name) for name in ("saliency", "depth", "shading")}
    for split, rows in loaded.items():
        assert all(isinstance(rows.features[name], datasets.Image) for name in ("image", *labels))
        for row in rows:
            (image,) = pictures.index[(pictures.prompt == row["prompt"]) & (pictures.seed == row["seed"])]
            assert pictures.split[image] == split
            shard = next(of for of in done.shards if image in [own.image for own in of.pictures])
            assert np.array_equal(row["image"], Image.open(done.picture_file(shard.number, image)))
            assert np.array_equal(np.asarray(row["saliency"]) / 255, labels["saliency"][image])
            left, top, right, bottom = row["box"]
            inside = np.zeros_like(labels["saliency"][image])
            inside[top:bottom, left:right] = 1
            assert (labels["saliency"][image].numpy() <= inside).all()
            for name in ("depth", "shading"):
                apart = np.abs(values(row[name], row, name) - labels[name][image].numpy()).max()
                assert apart <= (row[f"{name}_high"] - row[f"{name}_low"]) / 65535
    # What is read at step 2 is the probe's product with the activations there, in the study's own batch.
    batch = done.of_split("test")[0].batches[0]
    layer = done.probes.best["depth"].by_step[2]
    kept = []
    reload(done).model.denoise(
        [row.prompt for row in batch],
        [row.seed for row in batch],
        steps=done.config.model.steps,
        guidance_scale=done.config.model.guidance_scale,
        watch=[layer],
        on_step=lambda record: kept.append(record.activations[layer]["conditional"].clone()),
    )
    read = done.probes.probe("depth", layer, 2).apply(kept[1]).reshape(-1, *done.probes.grid(layer))
    own = {(row["prompt"], row["seed"]): row for row in loaded["test"]}
    for of, row in zip(read.numpy(), (own[row.prompt, row.seed] for row in batch), strict=True):
        assert np.abs(values(row["depth_step_2"], row, "depth_step_2") - of).max() < 1e-3 * np.ptp(of)
    # Without the library it is files, whose sums agree.
    lines = [json.loads(line) for line in (out / "fit" / "metadata.jsonl").read_text().splitlines()]
    assert all((out / "fit" / line[name]).is_file() for line in lines for name in line if "file_name" in name)
    assert run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=False).returncode == 0
    assert {path.name for path in out.iterdir()} == {"README.md", "SHA256SUMS", "fit", "calibrate", "test"}
    assert f"what a linear probe of {layer} reads of it at step 2 of 3" in (out / "README.md").read_text()
    # It is not written over, nor is anything else.
    for taken in (out, done.folder):
        assert call("export", done.folder, taken) == 2
        assert "is there already; name another folder" in capsys.readouterr().err


def test_an_export_goes_on_where_it_was_stopped(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    writing = write._write

    def stopping(out: Path, part: Any, knowing: Any) -> Any:
        if len(made) == 3 and not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            (out / part.split).mkdir(exist_ok=True)
            (out / part.split / f"{part.rows[0].image}.png").write_bytes(b"half")
            raise KeyboardInterrupt
        made.extend([part.rows[0].image])
        return writing(out, part, knowing)

    monkeypatch.setattr(write, "_write", stopping)
    with pytest.raises(KeyboardInterrupt):
        export(done, tmp_path / "a")
    with pytest.raises(UnderpaintingError, match="was begun with another export; name another folder"):
        export(done, tmp_path / "a", steps=[1])
    export(done, tmp_path / "a")
    assert len(made) == len(set(made))
    export(done, tmp_path / "b")
    sums = [(tmp_path / name / "SHA256SUMS").read_text() for name in "ab"]
    assert sums[0] == sums[1] and len(sums[0].splitlines()) == 14 * 4 + 3 + 1


@pytest.mark.usefixtures("offline")
def test_the_pictures_of_a_search_are_labelled(
    done: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Study.open(done.folder).search(
        "a thing number 3", "left third", seeds=4, finish=2, progress=False
    )
    out = tmp_path / "out"
    assert call("export", done.folder, out, "--search", found.folder, "--steps", "1") == 0
    rows = datasets.load_dataset(str(out), split="train")
    assert rows["seed"][:] == found.seeds and rows["score"][:] == list(found.scores.values())
    assert np.array_equal(rows[0]["image"], found.pictures[found.seeds[0]])
    assert set(np.unique(rows[0]["saliency"])) <= {0, 255} and rows[0]["saliency_step_1"].mode == "I;16"
    shutil.rmtree(out)
    assert call("export", done.folder, out, "--search", done.folder) == 2
    assert "holds no search; give the folder that `search` wrote" in capsys.readouterr().err
    assert not out.exists()
    with pytest.raises(UnderpaintingError, match="step 4 is not there: give steps from 1 to 3"):
        export(done, out, steps=[4])


def test_a_box_is_the_least_that_holds_the_object() -> None:
    mask = torch.zeros(6, 8, dtype=torch.bool).numpy()
    assert box(mask) is None
    mask[2:4, 5] = True
    mask[3, 1] = True
    assert box(mask) == [1, 2, 6, 4]
    rows = pd.DataFrame(np.argwhere(mask), columns=["row", "column"])
    assert [rows.column.min(), rows.row.min()] == [1, 2]

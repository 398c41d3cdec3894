"""A study to the hub and back, its card; its tables as DataFrames, its labels as tensors."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

import underpainting
from benchmarks.faults import contents
from tests.hub import LocalHub
from underpainting import workflow
from underpainting.cli import main
from underpainting.errors import UnderpaintingError
from underpainting.probes import ProbeSet
from underpainting.records import sha256_file
from underpainting.study.results import results
from underpainting.study.study import Study, open_study


@pytest.fixture(scope="module")
def done(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A copy of the finished study, with its emergence table and leads."""
    folder = tmp_path_factory.mktemp("shared") / "study"
    shutil.copytree(finished.folder, folder)
    study = open_study(folder)
    workflow.write_findings(study)
    return study


def _call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_study_goes_to_the_hub_and_comes_back(
    done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = LocalHub(tmp_path / "hub", monkeypatch)
    (done.folder / "shards" / ".left.1-ab.partial").write_text("half")
    assert _call("push", str(done.folder), "me/study", "--private") == 0
    assert "done: hub:dataset/me/study" in capsys.readouterr().out and {"private": True} in hub.calls
    (done.folder / "shards" / ".left.1-ab.partial").unlink()
    assert _call("pull", "me/study", str(tmp_path / "copy"), "--revision", "v1") == 0
    assert "14 pictures, done" in capsys.readouterr().out and hub.calls[-1]["revision"] == "v1"
    copied = {name: of for name, of in contents(tmp_path / "copy").items() if not name.startswith(".cache")}
    assert copied == contents(done.folder)
    assert _call("verify", str(tmp_path / "copy")) == 0
    assert _call("pull", "me/study", str(tmp_path / "copy")) == 2
    assert "already holds a study" in capsys.readouterr().err
    (tmp_path / "hub/dataset/me/study/scores.parquet").write_bytes(b"other")
    assert _call("pull", "me/study", str(tmp_path / "again")) == 2
    assert "scores.parquet: contents changed; remove" in capsys.readouterr().err
    assert _call("pull", "me/nothing", str(tmp_path / "nothing")) == 2
    assert "cannot be fetched from the hub" in capsys.readouterr().err


def test_its_card_has_scores_settings_versions_hashes(
    done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub(tmp_path, monkeypatch)
    workflow.push(done.folder, "me/study")
    workflow.push(done.folder, "me/probes", probes_only=True)
    study = (hub.home / "dataset/me/study/README.md").read_text()
    probes = (hub.home / "model/me/probes/README.md").read_text()
    for card in (study, probes):
        for r in results(done):
            assert f"| {r.property} | {r.layer} | {r.step} |" in card and f"| {r.probe:.3g} |" in card
        assert "steps = 3\n" in card and "[watch]" in card
        environment = json.loads(card.split("```json\n")[1].split("```")[0])
        recorded = json.loads(done.environment.read_text())
        assert environment["versions"]["torch"] == torch.__version__.partition("+")[0]
        assert environment["model"] == recorded["model"]
        assert f"| `scores.parquet` | `{sha256_file(done.scores)}` |" in card
    assert "underpainting pull me/study STUDY" in study
    loaded = ProbeSet.from_pretrained("me/probes")
    assert loaded.entries.keys() == ProbeSet.load(done.probes).entries.keys()


def test_what_is_not_done_or_damaged_is_not_pushed(
    new_study: Callable[[str], Study], done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub(tmp_path / "hub", monkeypatch)
    for probes_only in (True, False):
        with pytest.raises(UnderpaintingError, match="is not finished"):
            workflow.push(new_study(f"new{probes_only}").folder, "me/study", probes_only=probes_only)
    sound = done.scores.read_bytes()
    done.scores.write_bytes(sound + b"x")
    try:
        with pytest.raises(UnderpaintingError, match=r"scores\.parquet: contents changed"):
            workflow.push(done.folder, "me/study")
    finally:
        done.scores.write_bytes(sound)
    assert hub.calls == []


def test_tables_are_frames(done: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = underpainting.read_tables(done.folder)
    assert set(tables) == {"prompts", "scores", "calibrate", "emergence", "leads"}
    raw = pq.read_table(done.scores)
    scores = tables["scores"]
    assert list(scores.columns) == raw.column_names and len(scores) == raw.num_rows
    assert isinstance(scores["layer"].dtype, pd.CategoricalDtype)
    best = next(r for r in results(done) if (r.property, r.metric) == ("shading", "pearson"))
    mine = scores.query(
        "property == 'shading' and metric == 'pearson' and source == 'probe' and step == 3"
        f" and layer == '{best.layer}' and branch == 'conditional'"
    )
    assert mine["value"].mean() == pytest.approx(best.probe)
    joined = scores.merge(tables["prompts"][["image", "split"]], on="image")
    assert set(joined["split"]) == {"test"}
    emergence = tables["emergence"]
    assert emergence["step"].dropna().between(1, 3).all() and {"saliency"} <= set(emergence["property"])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UnderpaintingError, match="DataFrames need pandas"):
        underpainting.read_tables(done.folder)


def test_labels_by_image(done: Study, new_study: Callable[[str], Study]) -> None:
    labels = underpainting.read_labels(done.folder, "saliency")
    assert set(labels) == {row.image for row in done.rows}
    shard = done.of_split("test")[0]
    kept = load_file(done.shard(shard.number) / "labels.safetensors")
    image = shard.pictures[0].image
    assert labels[image].dtype == torch.uint8 and torch.equal(labels[image], kept[f"{image}/saliency"])
    assert np.isfinite(underpainting.read_labels(done.folder, "depth")[image].numpy()).all()
    with pytest.raises(UnderpaintingError, match="no labels of 'weather'; it has depth, saliency, shading"):
        underpainting.read_labels(done.folder, "weather")
    with pytest.raises(UnderpaintingError, match="none yet: run it"):
        underpainting.read_labels(new_study("bare").folder, "depth")

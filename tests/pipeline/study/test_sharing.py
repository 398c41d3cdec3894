"""A study to the hub and back, its card; its tables as DataFrames, its labels as tensors."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from huggingface_hub import ModelCard, constants
from safetensors.torch import load_file

from benchmarks.faults import contents
from tests.hub import LocalHub
from underpainting import Study
from underpainting.cli import main
from underpainting.errors import UnderpaintingError
from underpainting.findings import write_findings
from underpainting.probes import ProbeSet
from underpainting.records import sha256_file
from underpainting.sharing import push
from underpainting.study.results import results
from underpainting.study.study import StudyFolder, open_study


@pytest.fixture(scope="module")
def done(finished: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A copy of the finished study, with its emergence table and leads."""
    folder = tmp_path_factory.mktemp("shared") / "study"
    shutil.copytree(finished.folder, folder)
    study = open_study(folder)
    write_findings(study)
    return study


def _call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_study_goes_to_the_hub_and_comes_back(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = LocalHub(tmp_path / "hub", monkeypatch)
    (done.folder / "shards" / ".left.1-ab.partial").write_text("half")
    assert _call("push", str(done.folder), "me/study", "--private") == 0
    assert "done: hub:dataset/me/study" in capsys.readouterr().out and {"private": True} in hub.calls
    (done.folder / "shards" / ".left.1-ab.partial").unlink()
    assert _call("pull", "me/study", str(tmp_path / "copy"), "--revision", "v1") == 0
    assert "14 pictures, done" in capsys.readouterr().out and hub.calls[-1]["revision"] == "v1"
    copied = {name: of for name, of in contents(tmp_path / "copy").items() if not name.startswith("report/")}
    assert copied == contents(done.folder) and (tmp_path / "copy/report/index.html").is_file()
    assert _call("verify", str(tmp_path / "copy")) == 0
    assert _call("pull", "me/study", str(tmp_path / "copy")) == 2
    assert "already holds a study" in capsys.readouterr().err
    (tmp_path / "hub/dataset/me/study/scores.parquet").write_bytes(b"other")
    assert _call("pull", "me/study", str(tmp_path / "again")) == 2
    assert "scores.parquet: contents changed; remove" in capsys.readouterr().err
    assert _call("pull", "me/nothing", str(tmp_path / "nothing")) == 2
    assert "cannot be fetched from the hub" in capsys.readouterr().err


def test_pull_says_why_the_hub_is_not_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not what became of the call that was to tell the sizes, but its cause, as `push` does."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert _call("pull", "me/study", str(tmp_path / "copy")) == 2
    assert "me/study cannot be fetched from the hub (OfflineModeIsEnabled: " in capsys.readouterr().err


FOREIGN = (
    ".git/hooks/post-checkout",
    "shards/.git/config",
    "shards/00000/images/.hidden.png",
    "evil.py",
    "conftest.py",
    "estimator.pth",
    "shards/evil.sh",
    "shards/00000/evil.pkl",
    "report/index.html",
    "report/figures/evil.svg",
    "probes/a$(b).json",
    "README.md.exe",
)


def test_pull_takes_a_study_and_nothing_else(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = LocalHub(tmp_path / "hub", monkeypatch)
    push(done, "me/study")
    repository, copy = hub.home / "dataset/me/study", tmp_path / "copy"
    for name in FOREIGN:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("<script>alert(1)</script>")
    secret = tmp_path / "secret"
    secret.write_text("of mine")
    (repository / "probes" / "link.json").symlink_to(secret)
    (repository / "gallery" / "link.png").symlink_to("/etc/hostname")
    assert _call("pull", "me/study", str(copy)) == 0
    said = capsys.readouterr()
    assert re.search(r"fetching \d+ files, \d", said.err) and "14 pictures, done" in said.out
    taken = contents(copy)
    assert {name for name in taken if not name.startswith("report/")} == set(contents(done.folder))
    assert "alert(1)" not in (copy / "report/index.html").read_text() and not (copy / ".git").exists()
    assert not [path for path in copy.rglob("*") if path.is_symlink()] and secret.read_text() == "of mine"


def test_what_is_too_large_is_not_begun(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = LocalHub(tmp_path / "hub", monkeypatch)
    push(done, "me/study")
    monkeypatch.setattr("underpainting.sharing.MOST", 1000.0)
    assert _call("pull", "me/study", str(tmp_path / "copy")) == 2
    assert re.search(r"me/study takes \d.*, more than 1\.0 kB; give --yes", capsys.readouterr().err)
    monkeypatch.setattr("underpainting.sharing.disk_usage", lambda _: SimpleNamespace(free=2000))
    assert _call("pull", "me/study", str(tmp_path / "copy"), "--yes") == 2
    assert "has 2.0 kB left; free some" in capsys.readouterr().err
    (hub.home / "dataset/me/study/study.toml").unlink()
    assert _call("pull", "me/study", str(tmp_path / "copy")) == 2
    assert "me/study holds no study (no study.toml)" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_its_card_has_scores_settings_versions_hashes(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub(tmp_path, monkeypatch)
    push(done, "me/study")
    push(done, "me/probes", probes_only=True)
    study = (hub.home / "dataset/me/study/README.md").read_text()
    probes = (hub.home / "model/me/probes/README.md").read_text()
    for card in (study, probes):
        for r in results(done):
            assert (
                f"| {r.property} | {r.layer} | {r.step} |" in card and f"| {r.scores['probe']:.3g} |" in card
            )
        assert "steps = 3\n" in card and "[watch]" in card
        environment = json.loads(card.split("```json\n")[1].split("```")[0])
        recorded = json.loads(done.environment_file.read_text())
        assert environment["versions"]["torch"] == torch.__version__.partition("+")[0]
        short = {name: value for name, value in recorded["model"].items() if name != "settings"}
        assert environment["model"] == short and short["weights"]["unet"]
        assert f"| scores.parquet | {sha256_file(done.scores_file)} |" in card
    assert "underpainting pull me/study STUDY" in study
    loaded = ProbeSet.from_pretrained("me/probes")
    assert loaded.entries.keys() == done.probes.entries.keys()


def test_datasets_reads_a_pushed_studys_tables(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import load_dataset

    hub = LocalHub(tmp_path / "hub", monkeypatch)
    push(done, "me/study")
    monkeypatch.undo()
    folder = str(hub.home / "dataset/me/study")
    for name, split, file in (
        ("scores", "test", "scores.parquet"),
        ("scores", "calibrate", "calibrate.parquet"),
        ("emergence", "test", "emergence.parquet"),
        ("leads", "test", "leads.parquet"),
        ("pictures", "train", "prompts.parquet"),
    ):
        rows = load_dataset(folder, name, split=split, cache_dir=str(tmp_path / "cache"))
        expected = pq.read_table(done.folder / file)
        assert rows.column_names == expected.column_names and rows.num_rows == expected.num_rows
        read, kept = rows.to_pandas(), expected.to_pandas()
        pd.testing.assert_frame_equal(read, kept, check_dtype=False, check_categorical=False)
    default = load_dataset(folder, split="test", cache_dir=str(tmp_path / "cache"))
    assert default.num_rows == pq.read_table(done.scores_file).num_rows


def test_the_hub_lists_the_probes_scores(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LocalHub(tmp_path, monkeypatch)
    push(done, "me/probes", probes_only=True)
    card = ModelCard.load(hub.home / "model/me/probes/README.md")
    assert card.data.model_name == "me/probes" and card.data.library_name == "underpainting"
    listed = {(r.task_name, r.metric_type): r.metric_value for r in card.data.eval_results or []}
    assert listed == {(r.property, r.metric): r.scores["probe"] for r in results(done)}
    assert {r.dataset_split for r in card.data.eval_results or []} == {"test"}


def test_what_is_not_done_or_damaged_is_not_pushed(
    new_study: Callable[[str], StudyFolder],
    done: StudyFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = LocalHub(tmp_path / "hub", monkeypatch)
    for probes_only in (True, False):
        with pytest.raises(UnderpaintingError, match="is not finished"):
            push(new_study(f"new{probes_only}"), "me/study", probes_only=probes_only)
    sound = done.scores_file.read_bytes()
    done.scores_file.write_bytes(sound + b"x")
    try:
        with pytest.raises(UnderpaintingError, match=r"scores\.parquet: contents changed"):
            push(done, "me/study")
    finally:
        done.scores_file.write_bytes(sound)
    assert hub.calls == []


def test_tables_are_frames(done: StudyFolder) -> None:
    study = Study.open(done.folder)
    raw = pq.read_table(done.scores_file)
    scores = study.scores()
    assert list(scores.columns) == raw.column_names and len(scores) == raw.num_rows
    assert isinstance(scores["layer"].dtype, pd.CategoricalDtype)
    best = next(r for r in results(done) if (r.property, r.metric) == ("shading", "pearson"))
    mine = scores.query(
        "property == 'shading' and metric == 'pearson' and source == 'probe' and step == 3"
        f" and layer == '{best.layer}' and branch == 'conditional'"
    )
    assert mine["value"].mean() == pytest.approx(best.scores["probe"])
    joined = scores.merge(study.pictures()[["image", "split"]], on="image")
    assert set(joined["split"]) == {"test"}
    emergence = study.emergence()
    assert emergence["step"].dropna().between(1, 3).all() and {"saliency"} <= set(emergence["property"])
    assert len(study.scores("calibrate")) == pq.read_metadata(done.calibrate_file).num_rows
    assert {"property", "source", "steps"} <= set(study.leads().columns)
    table = study.results().set_index(["property", "metric"])
    assert table.loc[("shading", "pearson"), "probe"] == pytest.approx(best.scores["probe"])
    with pytest.raises(UnderpaintingError, match="classification"):
        study.classifications()


def test_labels_by_image(done: StudyFolder, new_study: Callable[[str], StudyFolder]) -> None:
    labels = done.labels("saliency")
    assert set(labels) == {row.image for row in done.rows}
    shard = done.of_split("test")[0]
    kept = load_file(done.shard_folder(shard.number) / "labels.safetensors")
    image = shard.pictures[0].image
    assert labels[image].dtype == torch.uint8 and torch.equal(labels[image], kept[f"{image}/saliency"])
    assert np.isfinite(done.labels("depth")[image].numpy()).all()
    with pytest.raises(UnderpaintingError, match="no labels of 'weather'; it has depth, saliency, shading"):
        done.labels("weather")
    with pytest.raises(UnderpaintingError, match="none yet: run it"):
        new_study("bare").labels("depth")

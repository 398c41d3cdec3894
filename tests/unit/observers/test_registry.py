"""The registry of estimators and classifiers: names, folders, files, families, and the docs' tables."""

import json
import re
from pathlib import Path
from shutil import copytree

import pytest
import torch

from underpainting import load_classifier, load_estimator, stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.registry import Kind, entries, names, register, resolve
from underpainting.weights import SavedModel

PAGE = Path(__file__).parents[3] / "docs" / "estimators.md"
FORMS = {"NAME,NAME", "module:Class", "vgg16-HASH.pth"}
"""Names in the tables that stand for something else than an entry."""


@pytest.mark.parametrize("kind", ["estimator", "classifier"])
def test_the_docs_table_has_what_is_registered(kind: Kind) -> None:
    _, _, table = PAGE.read_text(encoding="utf-8").partition(f"| {kind} | ")
    rows = [row for row in table.partition("\n\n")[0].splitlines()[2:] if row.startswith("| `")]
    told = {name: row for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
    assert told.keys() - FORMS == {entry.key for entry in entries(kind)}
    for entry in entries(kind):
        assert entry.gives in told[entry.key]
        if entry.weights is not None and entry.weights.command and kind == "estimator":
            assert entry.weights.licence in told[entry.key]


@pytest.mark.parametrize("kind", ["estimator", "classifier"])
def test_a_name_is_registered_once(kind: Kind) -> None:
    for entry in entries(kind):
        with pytest.raises(UnderpaintingError, match=f"{kind} '{entry.key}' is registered already"):
            register(entry)


def test_what_is_known_is_said_where_a_name_is_not() -> None:
    for kind, load in (("estimator", load_estimator), ("classifier", load_classifier)):
        with pytest.raises(UnderpaintingError) as caught:
            load("midas-of-mine")
        assert str(caught.value).startswith(f"no {kind} 'midas-of-mine': give 'stilllife', ")
        assert all(f"'{entry.key}'" in str(caught.value) for entry in entries(kind))  # type: ignore[arg-type]


def test_a_registered_name_comes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copytree(stilllife.folder() / "estimator", "midas")
    assert resolve("estimator", "midas")[0].key == "midas"
    entry, weights = resolve("estimator", Path("midas"))
    assert entry.key == "stilllife" and weights == SavedModel("midas", Path("midas"))
    assert resolve("estimator", "./midas")[0].key == "stilllife"


@pytest.mark.parametrize(
    ("kind", "config", "key"),
    [
        ("estimator", {"model_type": "dpt"}, "depth-anything"),
        ("estimator", {"channels": [4, 4, 4, 4]}, "stilllife"),
        ("classifier", {"model_type": "vit"}, "OWNER/NAME"),
        ("classifier", {"pretrained_cfg": {}}, "timm:NAME"),
        ("classifier", {"model_type": "timm_wrapper", "pretrained_cfg": {}}, "timm:NAME"),
        ("classifier", {"classes": []}, "stilllife"),
    ],
)
def test_saved_folders_are_recognised(tmp_path: Path, kind: Kind, config: object, key: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert resolve(kind, str(tmp_path))[0].key == key


def test_a_folder_of_nothing_known_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for kind, load in (("estimator", load_estimator), ("classifier", load_classifier)):
        with pytest.raises(UnderpaintingError, match=rf"config\.json in .* is of no {kind} that is known"):
            load(tmp_path)


def test_entries_give_what_they_say() -> None:
    entry = next(entry for entry in entries("estimator") if entry.key == "stilllife")
    estimator = load_estimator("stilllife")
    assert entry.gives == ", ".join(estimator.properties)
    assert set(estimator(torch.rand(1, 3, 16, 16))) == set(estimator.properties)
    assert names("classifier")[:2] == ["stilllife", "vgg16"]

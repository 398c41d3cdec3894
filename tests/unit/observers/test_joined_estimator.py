"""Several estimators as one."""

from pathlib import Path
from shutil import copytree

import pytest
import torch

from underpainting import load_estimator, stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators import JoinedEstimator
from underpainting.study.labels import choose_properties


class Red:
    """Finds what is red."""

    properties, name, fingerprint = ("saliency",), "red", "1"

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps of 0 and 1."""
        return {"saliency": (pictures[:, 0] > pictures.mean(1)).float()}


class Low:
    """Takes what is low in a picture for near."""

    properties, name, fingerprint = ("depth",), "low", "1"

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Rows from 0."""
        return {"depth": torch.arange(pictures.shape[2])[None, :, None].expand(pictures[:, 0].shape).float()}


def test_several_estimators_are_one() -> None:
    joined = JoinedEstimator([Red(), Low()])
    assert joined.properties == ("saliency", "depth") and joined.name == "red,low"
    picture = torch.rand(1, 3, 16, 16)
    maps = joined(picture)
    assert torch.equal(maps["saliency"], Red()(picture)["saliency"])
    assert torch.equal(maps["depth"], Low()(picture)["depth"])
    assert [found.binary for found in choose_properties(joined, ())] == [True, False]
    assert joined.fingerprint != JoinedEstimator([Red()]).fingerprint


def test_a_property_has_one_giver() -> None:
    with pytest.raises(UnderpaintingError, match="'stilllife' and 'stilllife' both give 'saliency'"):
        load_estimator("stilllife, stilllife")


def test_a_folder_with_a_comma_in_its_name_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "mine, second"
    copytree(stilllife.folder() / "estimator", folder)
    assert load_estimator(str(folder)).name == "mine, second"

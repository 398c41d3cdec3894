"""The small estimator: what is saved is what is loaded, and what is wrong is named."""

import json
from pathlib import Path

import pytest
import torch

from underpainting import UnderpaintingError, load_estimator
from underpainting.observers.estimators.small_unet import SmallUNet, save_estimator

CHANNELS = (4, 4, 8, 8)


@pytest.fixture
def estimator_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_estimator(SmallUNet(CHANNELS), CHANNELS, tmp_path / "estimator")
    return tmp_path / "estimator"


def test_estimator_gives_the_saved_networks_maps(estimator_folder: Path) -> None:
    torch.manual_seed(0)
    network = SmallUNet(CHANNELS).half().float().eval()
    pictures = torch.rand(3, 3, 32, 48)
    with torch.no_grad():
        saliency, depth, shading = network(pictures).unbind(1)
    maps = load_estimator(estimator_folder)(pictures)
    assert set(maps) == {"saliency", "depth", "shading"}
    assert torch.equal(maps["saliency"], (saliency > 0).float())
    torch.testing.assert_close(maps["depth"], depth)
    torch.testing.assert_close(maps["shading"], shading.exp())


def test_estimator_of_one_picture_does_not_depend_on_its_batch(estimator_folder: Path) -> None:
    estimator, pictures = load_estimator(estimator_folder), torch.rand(4, 3, 32, 32)
    together, alone = estimator(pictures), estimator(pictures[2:3])
    torch.testing.assert_close(together["depth"][2:3], alone["depth"], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 30, 32), (3, 32, 32), (1, 1, 32, 32)])
def test_estimator_refuses_other_shapes(estimator_folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UnderpaintingError, match="multiples of 16"):
        load_estimator(estimator_folder)(torch.rand(shape))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "no readable file of weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b"0" * 40), "no readable file of weights"),
        (lambda f: (f / "config.json").unlink(), "config.json is no readable"),
        (lambda f: (f / "config.json").write_text("{"), "no readable configuration"),
        (lambda f: (f / "config.json").write_text("[]"), "JSON object"),
        (lambda f: (f / "config.json").write_text(json.dumps({"channels": [4, 4]})), "channels"),
        (lambda f: (f / "config.json").write_text(json.dumps({"channels": [4, 4, 8, 10**9]})), "channels"),
        (lambda f: (f / "config.json").write_text(json.dumps({"channels": [4, 4, 8, 9]})), "does not fit"),
    ],
)
def test_damage_is_named_in_one_line(estimator_folder: Path, harm, named: str) -> None:  # type: ignore[no-untyped-def]
    harm(estimator_folder)
    with pytest.raises(UnderpaintingError, match=named) as raised:
        load_estimator(estimator_folder)
    assert "\n" not in str(raised.value)

"""VGG-16: its checkpoint by its hash, its answers torchvision's."""

import hashlib
from pathlib import Path

import pytest
import torch
from skimage import data
from torchvision.models import VGG16_Weights, vgg16

from tests.unit.observers.photographs import photograph
from underpainting import load_classifier
from underpainting.errors import UnderpaintingError
from underpainting.observers.class_names import right_classes


def test_vgg16_is_held_to_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UnderpaintingError, match=r"vgg16 is not here .*vgg16-397923af\.pth.*curl"):
        load_classifier("vgg16")
    kept = tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth"
    kept.parent.mkdir(parents=True)
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, kept)
    with pytest.raises(UnderpaintingError, match="not what its name says"):
        load_classifier("vgg16")
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()[:8]
    named = kept.rename(tmp_path / f"vgg16-{digest}.pth")
    with pytest.raises(UnderpaintingError, match="holds no weights of VGG-16"):
        load_classifier(named)


@pytest.mark.slow
def test_vgg16_agrees_with_torchvision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = vgg16(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "vgg16.pth")
    digest = hashlib.sha256((tmp_path / "vgg16.pth").read_bytes()).hexdigest()[:8]
    classifier = load_classifier((tmp_path / "vgg16.pth").rename(tmp_path / f"vgg16-{digest}.pth"))
    picture = photograph(data.coffee())
    with torch.no_grad():
        expected = network(VGG16_Weights.IMAGENET1K_V1.transforms()(picture)).softmax(1)
    assert torch.equal(classifier(picture), expected)
    assert [classifier.classes[i] for i in right_classes("orange fruit", classifier.classes)] == ["orange"]

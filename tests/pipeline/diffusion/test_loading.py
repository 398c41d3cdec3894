"""Loading by folder and name, and everything that is no pipeline."""

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from underpainting import stilllife
from underpainting.diffusion import Model, attach, load
from underpainting.diffusion.fingerprint import differences
from underpainting.errors import UnderpaintingError


@pytest.fixture(scope="module")
def saved(session_pipeline: StableDiffusionPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pipeline in diffusers' own format."""
    folder = tmp_path_factory.mktemp("saved") / "tiny"
    session_pipeline.save_pretrained(folder)
    return folder


def refused(name: str | Path) -> str:
    """The one line that refuses a name."""
    with pytest.raises(UnderpaintingError) as caught:
        load(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_saved_pipeline_is_the_same_model(saved: Path, model: Model) -> None:
    loaded = load(saved)
    assert loaded.fingerprint() == model.fingerprint()
    assert loaded.layers == model.layers and loaded.size == (32, 32)
    assert loaded.scheduler_name == "LMSDiscreteScheduler" and loaded.name == str(saved)
    ours, theirs = (m.denoise(["a mug"], [1], steps=2).latents for m in (loaded, model))
    assert torch.equal(ours, theirs)


def test_weights_are_float32_unless_asked_otherwise(saved: Path, tmp_path: Path) -> None:
    half = load(saved, torch_dtype=torch.float16)
    half.pipe.save_pretrained(tmp_path / "half")
    assert half.pipe.unet.dtype == half.pipe.text_encoder.dtype == torch.float16
    whole = load(tmp_path / "half", device="cpu")
    assert whole.pipe.unet.dtype == whole.pipe.text_encoder.dtype == whole.pipe.vae.dtype == torch.float32


def test_the_bundled_name_means_the_bundled_folder(
    saved: Path, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stilllife, "folder", lambda: tmp_path)
    assert "still life" in refused("stilllife")
    shutil.copytree(saved, tmp_path / "pipeline")
    loaded = load("stilllife")
    assert loaded.name == "stilllife" and loaded.fingerprint() == model.fingerprint()


def test_fingerprint_follows_the_weights_of_its_component_only(saved: Path, model: Model) -> None:
    loaded = load(saved)
    with torch.no_grad():
        loaded.pipe.vae.quant_conv.bias[0] += 1
    assert set(loaded.fingerprint()["weights"]) == {"unet", "vae", "text_encoder"}
    assert differences(model.fingerprint(), loaded.fingerprint()) == ["its vae's weights differ"]


def test_folders_and_names_that_are_no_pipeline(saved: Path, tmp_path: Path) -> None:
    assert "model_index.json" in refused(tmp_path)
    assert "no folder" in refused(tmp_path / "absent")
    assert "is a file" in refused(saved / "model_index.json")
    assert "hf download nobody/nothing" in refused("nobody/nothing")
    assert "not a/valid/name" in refused("not a/valid/name")


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder"])
def test_missing_and_damaged_weights(saved: Path, tmp_path: Path, component: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    weights = next((folder / component).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    assert "cannot load a pipeline" in refused(folder)
    weights.unlink()
    assert "cannot load a pipeline" in refused(folder)


def test_a_device_that_is_not_there(saved: Path) -> None:
    for device in ("no-such-device", "cuda:99"):
        with pytest.raises(UnderpaintingError, match="is not available"):
            load(saved, device=device)


def test_other_families_are_refused(model: Model) -> None:
    with pytest.raises(UnderpaintingError, match="no adapter for object"):
        attach(object())


def test_scheduler_names(model: Model) -> None:
    with pytest.raises(
        UnderpaintingError, match=r"unknown scheduler lmz: use one of lms.*; did you mean 'lms'\?"
    ):
        model.use_scheduler("lmz")

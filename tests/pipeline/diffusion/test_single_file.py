"""One safetensors file of a whole pipeline, under the names of Stable Diffusion's own checkpoints."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.hub import cached, move_caches
from tests.pipeline.small import PROMPTS, SEEDS, one_file, small_pipeline
from underpainting.diffusion import attach, load
from underpainting.diffusion.fingerprint import differences
from underpainting.errors import UnderpaintingError
from underpainting.observers.needs import needs

REPOSITORY = "stable-diffusion-v1-5/stable-diffusion-v1-5"


def test_one_file_is_the_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_caches(tmp_path, monkeypatch)
    pipe, file = small_pipeline(tmp_path), tmp_path / "files" / "one.safetensors"
    file.parent.mkdir()
    one_file(pipe, file)
    with pytest.raises(UnderpaintingError, match=f"{REPOSITORY}, which one.*`hf download {REPOSITORY} --inc"):
        load(file)

    pipe.save_pretrained(tmp_path / "saved")
    ignored = shutil.ignore_patterns("*.safetensors")
    shutil.copytree(
        tmp_path / "saved", cached(tmp_path / "hub", REPOSITORY), ignore=ignored, dirs_exist_ok=True
    )
    model = load(file)
    assert differences(attach(pipe).fingerprint(), model.fingerprint()) == []
    ours, theirs = (of.denoise(PROMPTS, SEEDS, steps=2).latents for of in (model, attach(pipe)))
    assert torch.equal(ours, theirs)
    assert load(file, torch_dtype=torch.float16).pipe.unet.dtype == torch.float16
    twin = load(f"{file}:permuted")
    assert differences(model.fingerprint(), twin.fingerprint()) == ["its unet's weights differ"]
    monkeypatch.chdir(tmp_path)
    assert [needed.here for needed in needs("model", "files/one.safetensors")] == [True]

    with pytest.raises(UnderpaintingError, match="is one file, which has no variants"):
        load(file, variant="fp16")
    tensors = load_file(file)
    del tensors["model.diffusion_model.input_blocks.0.0.weight"]
    save_file(tensors, file)
    with pytest.raises(UnderpaintingError, match="cannot load a pipeline from") as refused:
        load(file)
    assert "\n" not in str(refused.value)

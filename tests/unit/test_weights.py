"""Weights: whether they are on this machine, and the line where they are not."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from underpainting.errors import UnderpaintingError
from underpainting.weights import (
    Checkpoint,
    SavedModel,
    TorchFile,
    is_repository,
    lacking,
    pipeline,
    readable,
)

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
OTHERS = (
    "sd_xl_base_1.0.safetensors",
    "sd_xl_offset_example-lora_1.0.safetensors",
    "01.png",
    "text_encoder/flax_model.msgpack",
    "text_encoder/model.onnx",
    "unet/model.onnx_data",
    "unet/openvino_model.bin",
    "unet/openvino_model.xml",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
)
CONFIGURED = ("model_index.json", "tokenizer/merges.txt", "tokenizer_3/spiece.model", "unet/config.json")
PLAIN = (
    "text_encoder/model.safetensors",
    "text_encoder_2/model-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
)
HALVES = (
    "text_encoder/model.fp16.safetensors",
    "text_encoder_2/model.fp16-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
)


def test_a_file_is_looked_for_where_torch_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    weights = TorchFile("small", "https://example.org/models/small.pth", 2_500_000, "MIT")
    path = tmp_path / "checkpoints" / "small.pth"
    assert weights.find() is None and weights.where == str(path)
    with pytest.raises(UnderpaintingError) as caught:
        weights.require()
    assert str(caught.value) == (
        f"small is not here (looked for at {path}): fetch it (2.5 MB, MIT) by "
        f"`curl -L --create-dirs -o {path} https://example.org/models/small.pth`"
    )
    path.parent.mkdir()
    path.write_bytes(b"weights")
    assert weights.require() == weights.find() == path


def test_a_saved_model_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"0" * 100)
    (tmp_path / "config.json").write_bytes(b"{}")
    assert SavedModel("mine", tmp_path).size == 102
    assert SavedModel("mine", tmp_path / "config.json").size == 2
    missing = SavedModel("mine", tmp_path / "none")
    assert missing.size is None and missing.find() is None and not missing.command
    with pytest.raises(UnderpaintingError, match=r"mine is not here .*: put it there"):
        missing.require()


def test_what_is_not_known_is_not_said() -> None:
    assert lacking("x", "here", "get x") == "x is not here (looked for at here): fetch it by `get x`"
    assert Checkpoint("x", "owner/x").size is None and readable(999) == "999 B"
    assert is_repository("owner/x") and not any(map(is_repository, ("x", "./x", "/a/x", "~/x", "a/b/c")))


@pytest.mark.parametrize(("variant", "weights"), [(None, PLAIN), ("fp16", HALVES)])
def test_a_pipelines_command_fetches_what_is_read(
    variant: str | None, weights: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the hub's own command line: neither the other kind, nor one-file, ONNX and OpenVINO copies."""
    from huggingface_hub.cli import download
    from huggingface_hub.cli.hf import app
    from huggingface_hub.utils import filter_repo_objects

    asked: dict[str, Any] = {}

    def snapshot(**options: Any) -> str:
        asked.update(options)
        return "folder"

    monkeypatch.setattr(download, "snapshot_download", snapshot)
    program, *arguments = shlex.split(pipeline(SDXL, variant).command)
    app.main(arguments, standalone_mode=False)
    patterns = {name: asked[name] for name in ("allow_patterns", "ignore_patterns")}
    files = [*OTHERS, *CONFIGURED, *PLAIN, *HALVES]
    assert (program, asked["repo_id"]) == ("hf", SDXL)
    assert set(filter_repo_objects(files, **patterns)) == {*CONFIGURED, *weights}


def test_a_size_is_that_of_the_files_that_are_fetched() -> None:
    assert pipeline(SDXL).size == 13_880_000_000 and pipeline(SDXL, "fp16").size is None
    assert pipeline(SDXL, "fp16").licence == pipeline(SDXL).licence

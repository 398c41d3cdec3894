"""A pipeline without weights tells what the same one with weights tells, whatever its family."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from tests.hub import cached, move_caches
from tests.pipeline.families import lumina, pixart, stable_diffusion_3, stable_diffusion_xl
from underpainting.diffusion import attach, load
from underpainting.diffusion.shapes import load_shapes
from underpainting.diffusion.twins import twin_of
from underpainting.errors import UnderpaintingError

WEIGHTS = ("*.safetensors", "*.bin")


def bare(pipeline: Any, folder: Path) -> Path:
    """A folder with all of a pipeline's files but its weights."""
    pipeline.save_pretrained(folder)
    for pattern in WEIGHTS:
        for file in folder.rglob(pattern):
            file.unlink()
    return folder


@pytest.fixture
def tiny(session_pipeline: StableDiffusionPipeline, tmp_path: Path) -> Path:
    """The tiny pipeline's files without weights."""
    return bare(session_pipeline, tmp_path / "bare")


@pytest.mark.parametrize("make", [stable_diffusion_xl, stable_diffusion_3, pixart, lumina])
def test_layers_and_tokens_are_those_of_the_model(make: Callable[[Path], Any], tmp_path: Path) -> None:
    whole = attach(make(tmp_path / "words"))
    shapes = load_shapes(bare(whole.pipe, tmp_path / "bare"))
    assert shapes.kinds == whole.kinds and shapes.size == whole.size
    prompts = ["a blue mug", "a mug " * 200]
    assert shapes.text_tokens(prompts) == whole.text_tokens(prompts)
    assert shapes.decoder_channels == whole.decoder_channels
    assert whole.has_weights and not shapes.has_weights


def test_bytes_are_those_of_the_weights(tiny: Path, session_pipeline: StableDiffusionPipeline) -> None:
    half = load_shapes(tiny, torch_dtype=torch.float16)
    for part in ("unet", "vae", "text_encoder"):
        own, network = getattr(session_pipeline, part), getattr(half.pipe, part)
        assert sum(of.nbytes for of in network.parameters()) * 2 == sum(of.nbytes for of in own.parameters())


def test_an_untrained_twin_has_the_same_shapes(tiny: Path) -> None:
    assert load_shapes(f"{tiny}:permuted").layers == load_shapes(tiny).layers
    denoiser = load_shapes(tiny).pipe.unet
    assert twin_of(denoiser, "permuted") is denoiser


def test_a_snapshot_of_the_hub_needs_no_weights(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_caches(tmp_path, monkeypatch)
    with pytest.raises(UnderpaintingError, match=r"someone/some is not here.*--include '\*\.json' --include"):
        load_shapes("someone/some")
    shutil.copytree(tiny, cached(tmp_path / "hub", "someone/some"), dirs_exist_ok=True)
    assert len(load_shapes("someone/some").layers) == 16
    with pytest.raises(UnderpaintingError, match="fetch it by `hf download someone/some --include"):
        load("someone/some")


@pytest.mark.parametrize("file", ["unet/config.json", "tokenizer", "model_index.json"])
def test_what_is_missing_is_one_line(tiny: Path, file: str) -> None:
    path = tiny / file
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UnderpaintingError) as caught:
        load_shapes(tiny)
    said = str(caught.value)
    assert file.split("/")[0] in said and "\n" not in said
    assert file == "model_index.json" or "--include '*.json'" in said


def test_the_command_fetches_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's own command line reads the patterns as patterns, none as a file's name."""
    from huggingface_hub.cli import download
    from huggingface_hub.cli.hf import app

    from underpainting.weights import CONFIGS

    asked: dict[str, Any] = {}

    def snapshot(**options: Any) -> str:
        asked.update(options)
        return "folder"

    monkeypatch.setattr(download, "snapshot_download", snapshot)
    app.main(["download", "someone/some", *CONFIGS.replace("'", "").split()], standalone_mode=False)
    assert asked["allow_patterns"] == ["*.json", "*.txt", "*.model"]

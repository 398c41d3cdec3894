"""Compiled pipelines are watched as they were written, and stay compiled."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.pipeline.small import PROMPTS, SEEDS, small_pipeline
from underpainting.diffusion import attach
from underpainting.diffusion.twins import twin_of
from underpainting.errors import UnderpaintingError

ONE_BLOCK = {
    "down_block_types": ("CrossAttnDownBlock2D",),
    "up_block_types": ("CrossAttnUpBlock2D",),
    "block_out_channels": (8,),
}


class Counting:
    """A compiler's backend that runs what it is given, and counts how often."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, graph: Any, inputs: Any) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            self.runs += 1
            return graph.forward(*given)

        return run


WAYS: dict[str, Callable[[Any, Any], object]] = {
    "whole": lambda pipe, to: setattr(pipe, "unet", torch.compile(pipe.unet, backend=to)),
    "by region": lambda pipe, to: pipe.unet.compile_repeated_blocks(backend=to),
    "a forward": lambda pipe, to: setattr(
        pipe.unet.mid_block, "forward", torch.compile(pipe.unet.mid_block.forward, backend=to)
    ),
}


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", WAYS)
def test_what_is_compiled_is_watched_as_it_was_written(name: str, tmp_path: Path) -> None:
    pipe, backend, seen = small_pipeline(tmp_path, **ONE_BLOCK), Counting(), []
    plain = attach(pipe)
    told, layers = plain.fingerprint(), plain.layers
    WAYS[name](pipe, backend)
    expected = bare(pipe)
    compiled = backend.runs
    assert compiled > 0
    with pytest.warns(
        UserWarning, match="UNet2DConditionModel is compiled .* runs as it was written"
    ) as said:
        model = attach(pipe)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".* is compiled")
        made = model.denoise(
            *(PROMPTS, SEEDS),
            steps=1,
            watch=["self-attention"],
            on_step=lambda record: seen.append(len(record.activations)),
        )
    assert seen == [4] and backend.runs == compiled
    assert torch.equal(made.latents, expected)
    assert model.layers == layers and model.fingerprint() == told
    if name == "a forward":
        with pytest.raises(UnderpaintingError, match="a function stands for the forward of mid_block"):
            twin_of(model.adapter.denoiser(pipe), "permuted")
    else:
        twin = model.with_denoiser(twin_of(model.adapter.denoiser(pipe), "permuted"))
        assert not torch.equal(twin.denoise(PROMPTS, SEEDS, steps=1).latents, expected)
        assert backend.runs == compiled
    assert torch.equal(bare(pipe), expected) and backend.runs == 2 * compiled


class Elsewhere:
    """A network that another library runs."""

    def __init__(self, network: Any) -> None:
        self.config = network.config


def scripted(pipe: Any) -> None:
    pipe.unet.conv_act = torch.jit.script(pipe.unet.conv_act)


REFUSED: dict[str, tuple[Callable[[Any], object], str]] = {
    "another library's": (lambda pipe: setattr(pipe, "unet", Elsewhere(pipe.unet)), "Elsewhere is no module"),
    "scripted": (scripted, "UNet2DConditionModel is scripted by torch.jit"),
    "cached": (
        lambda pipe: setattr(pipe.unet, "is_cache_enabled", True),
        "cache is enabled: call its disable",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_runs_no_hooks_is_refused_before_anything_runs(name: str, tmp_path: Path) -> None:
    change, said = REFUSED[name]
    pipe = small_pipeline(tmp_path)
    change(pipe)
    with pytest.raises(UnderpaintingError, match=said):
        attach(pipe).denoise(PROMPTS, SEEDS, steps=1, watch=["self-attention"])
    assert "step" not in pipe.scheduler.__dict__


def bare(pipe: Any) -> torch.Tensor:
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    latents: torch.Tensor = pipe(
        PROMPTS, num_inference_steps=1, generator=generators, output_type="latent"
    ).images
    return latents

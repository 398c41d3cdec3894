"""Layers: the sixteen of Stable Diffusion v1, other paths, names that are wrong."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.pipeline.conftest import tiny_pipeline
from tests.pipeline.families import pixart
from underpainting.diffusion import Layer, Model, StepRecord, attach
from underpainting.errors import UnderpaintingError

SIXTEEN = [
    *(f"down.{block}.{layer}" for block in range(3) for layer in range(2)),
    "mid.0",
    *(f"up.{block}.{layer}" for block in range(1, 4) for layer in range(3)),
]
UP = "up_blocks.3.attentions.0.transformer_blocks.0.attn1"


def test_the_sixteen_layers_in_network_order(model: Model) -> None:
    assert [layer.name for layer in model.layers] == SIXTEEN
    assert model.layers[-3] == Layer("up.3.0", (16, 16), 8, path=UP)
    assert model.layers[6].grid == (2, 2)


def test_grids_and_channels_are_those_of_a_real_run(model: Model) -> None:
    records: list[StepRecord] = []
    model.denoise(["a mug"], [1], steps=1, watch=["self-attention"], on_step=records.append)
    for layer in model.layers:
        act = records[0].activations[layer.name]["conditional"]
        assert act.shape == (1, layer.grid[0] * layer.grid[1], layer.channels)


SIDES = st.integers(1, 24).map(lambda eighths: 8 * eighths)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Three blocks of one layer each."""
    down = ("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",)
    up = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2
    sizes = {"down_block_types": down, "up_block_types": up, "block_out_channels": (8, 8, 8)}
    return attach(tiny_pipeline(tmp_path_factory.mktemp("small"), **sizes, layers_per_block=1))


@settings(max_examples=8)
@given(height=SIDES, width=SIDES)
@example(height=96, width=72)
@example(height=8, width=136)
def test_grids_are_the_real_ones_at_every_size_that_8_divides(small: Model, height: int, width: int) -> None:
    """Halved, and rounded up, as often as the network does: Stable Diffusion's at 384 x 272 end in 6 x 5."""
    small.pipe.vae_scale_factor = 8
    layers = small.resolve(["self-attention"], height=height, width=width)
    depths = [0, 1, 2, 1, 1, 0, 0]
    latents = (height // 8, width // 8)
    for layer, depth in zip(layers, depths, strict=True):
        assert layer.grid == tuple(math.ceil(side / 2**depth) for side in latents)


@pytest.mark.parametrize("size", [(48, 72), (24, 40), (8, 24), (136, 8)])
def test_a_run_gives_what_the_grids_say(model: Model, size: tuple[int, int]) -> None:
    records: list[StepRecord] = []
    model.denoise(
        ["a mug"],
        [1],
        steps=1,
        watch=["self-attention", "conv_in"],
        on_step=records.append,
        height=size[0],
        width=size[1],
    )
    assert len(records[0].activations) == 17


def test_a_size_that_the_network_would_crop_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = attach(pixart(tmp_path))
    model.pipe.vae_scale_factor = 8  # as of the real one: latents of 33, in patches of 2
    said = "size 264 x 256: the network cannot make latents of 33 x 32; give 256 x 256"
    with pytest.raises(UnderpaintingError, match=said):
        model.resolve(["self-attention"], height=264, width=256)
    grids = {layer.grid for layer in model.resolve(["self-attention"], height=272, width=256)}
    assert grids == {(17, 16)}


def test_short_full_and_inner_names_are_one_layer(model: Model) -> None:
    expected = (model.layers[-3],)
    assert model.resolve(["up.3.0"]) == expected
    assert model.resolve([UP]) == expected
    assert model.resolve([UP + ".to_out.0"]) == expected
    assert model.resolve(["up.3.0", UP, expected[0]]) == expected
    assert model.resolve(["self-attention"]) == model.layers


def test_the_layers_output_is_that_of_its_inner_linear_layer(model: Model) -> None:
    inner: list[torch.Tensor] = []
    linear = model.pipe.unet.get_submodule(UP + ".to_out.0")
    handle = linear.register_forward_hook(lambda module, inputs, output: inner.append(output))
    records: list[StepRecord] = []
    model.denoise(
        ["a mug"],
        [1],
        steps=1,
        watch=["up.3.0"],
        branches=("unconditional", "conditional"),
        on_step=records.append,
    )
    handle.remove()
    act = records[0].activations["up.3.0"]
    assert torch.equal(torch.cat([act["unconditional"], act["conditional"]]), inner[0])


def test_any_module_path_is_watched(model: Model) -> None:
    attention, convolution = model.resolve([UP.replace("attn1", "attn2"), "conv_in"])
    assert (attention.grid, attention.channels) == ((16, 16), 8)
    assert (convolution.name, convolution.grid, convolution.channels) == ("conv_in", (16, 16), 8)
    seen: list[torch.Tensor] = []
    handle = model.pipe.unet.conv_in.register_forward_hook(lambda module, inputs, output: seen.append(output))
    records: list[StepRecord] = []
    model.denoise(["a mug"], [1], steps=1, watch=[attention, convolution], on_step=records.append)
    handle.remove()
    tokens = records[0].activations["conv_in"]["conditional"]
    assert torch.equal(tokens[0, 16 * 3 + 5], seen[0][1, :, 3, 5])


def test_grids_follow_the_picture_size(model: Model) -> None:
    layer = model.resolve(["up.3.0"], height=32, width=64)[0]
    assert layer.grid == (16, 32)
    records: list[StepRecord] = []
    model.denoise(["a mug"], [1], steps=1, watch=["up.3.0"], on_step=records.append, height=32, width=64)
    assert records[0].activations["up.3.0"]["conditional"].shape == (1, 512, 8)


def test_stacked_transformers_have_a_third_number(tmp_path: Path) -> None:
    model = attach(tiny_pipeline(tmp_path, transformer_layers_per_block=(1, 2, 1, 1)))
    names = [layer.name for layer in model.layers]
    assert names[:6] == ["down.0.0", "down.0.1", "down.1.0.0", "down.1.0.1", "down.1.1.0", "down.1.1.1"]
    assert "up.2.2.1" in names and "up.3.2" in names


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("up.3.9", "up.3.0"),
        ("up.0.0", "up.1.0"),
        (UP.replace("attentions.0", "attentions.7"), UP),
        ("nonsense", "down.0.0"),
    ],
)
def test_unknown_names_show_the_nearest_valid_ones(model: Model, name: str, near: str) -> None:
    with pytest.raises(UnderpaintingError) as caught:
        model.denoise(["a mug"], [1], watch=[name])
    message = str(caught.value)
    assert name in message and near in message and "\n" not in message


def test_one_string_and_a_module_without_tokens_are_refused(model: Model) -> None:
    with pytest.raises(UnderpaintingError, match="list of names"):
        model.resolve("up.3.0")
    with pytest.raises(UnderpaintingError, match="no grid"):
        model.resolve(["time_embedding"])


@pytest.mark.parametrize("guidance_scale", [0.0, 1.0, 4.0])
def test_a_distilled_network_without_a_middle_block_or_guidance(
    tmp_path: Path, guidance_scale: float
) -> None:
    pipe = tiny_pipeline(tmp_path, mid_block_type=None)
    model = attach(pipe)
    assert {layer.name.partition(".")[0] for layer in model.layers} == {"down", "up"}
    seen: list[StepRecord] = []
    made = model.denoise(
        ["a mug"],
        [1],
        steps=2,
        guidance_scale=guidance_scale,
        watch=["self-attention"],
        on_step=seen.append,
    )
    bare = pipe(
        ["a mug"],
        num_inference_steps=2,
        guidance_scale=guidance_scale,
        generator=[torch.Generator("cpu").manual_seed(1)],
        output_type="latent",
    ).images
    assert torch.equal(made.latents, bare)
    assert len(seen) == 2 and set(seen[0].activations) == {layer.name for layer in model.layers}

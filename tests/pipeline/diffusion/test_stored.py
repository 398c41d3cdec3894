"""Quantised, offloaded and cast weights: watched as the bare pipeline computes, told apart, no twins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from diffusers import StableDiffusionPipeline

from tests.pipeline.small import PROMPTS, SEEDS, small_pipeline
from underpainting.diffusion import attach
from underpainting.diffusion.fingerprint import differences, sha256_of_weights
from underpainting.diffusion.stored import require_plain
from underpainting.diffusion.twins import TWINS, twin_of
from underpainting.errors import UnderpaintingError

CPU = torch.device("cpu")


def quantise(pipe: StableDiffusionPipeline) -> None:
    """Linear layers' weights to 8 bits, a scale for each row."""
    quantization = pytest.importorskip("torchao.quantization")
    quantization.quantize_(pipe.unet, quantization.Int8WeightOnlyConfig())


def in_sequence(pipe: StableDiffusionPipeline) -> None:
    """As enable_sequential_cpu_offload does, of which it needs no accelerator."""
    for network in (pipe.unet, pipe.text_encoder, pipe.vae):
        cpu_offload(network, execution_device=CPU)


def in_groups(pipe: StableDiffusionPipeline) -> None:
    pipe.enable_group_offload(onload_device=CPU, offload_device=CPU, offload_type="leaf_level")


def one_by_one(pipe: StableDiffusionPipeline) -> None:
    pipe.enable_model_cpu_offload(device="cpu")


def cast(pipe: StableDiffusionPipeline) -> None:
    pipe.unet.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32)


OTHER = ["its unet's weights differ"]
WAYS: dict[str, tuple[Callable[[Any], None], list[str], str]] = {
    "torchao's int8": (quantise, OTHER, "quantised .*Int8Tensor"),
    "sequential offload": (in_sequence, [], "offloaded"),
    "model offload": (one_by_one, [], "offloaded or cast by hooks"),
    "group offload": (in_groups, [], "offloaded or cast by hooks"),
    "layerwise casting": (
        cast,
        ['its unet\'s cast is ["torch.float32"], was null', *OTHER],
        "offloaded or cast by hooks",
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_weights_however_they_are_stored(name: str, tmp_path: Path) -> None:
    change, differ, refusal = WAYS[name]
    pipe = small_pipeline(tmp_path)
    plain = attach(pipe)
    before, embedded = plain.fingerprint(), plain.embed(PROMPTS)
    change(pipe)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    expected = pipe(PROMPTS, num_inference_steps=2, generator=generators, output_type="latent").images
    model, seen = attach(pipe), []
    made = model.denoise(
        *(PROMPTS, SEEDS),
        steps=2,
        watch=["self-attention"],
        on_step=lambda record: seen.append(len(record.activations)),
    )
    assert torch.equal(made.latents, expected) and seen == [4, 4]
    assert torch.equal(model.embed(PROMPTS), embedded)
    assert model.decoder_tokens(made.latents).isfinite().all() and model.decode(made.latents).isfinite().all()
    after = model.fingerprint()
    assert differences(before, after) == differ and model.fingerprint() == after
    for kind in TWINS:
        with pytest.raises(UnderpaintingError, match=f"has no untrained twin.*{refusal}"):
            twin_of(pipe.unet, kind)


def test_weights_on_the_disk_are_watched_but_not_told_apart(tmp_path: Path) -> None:
    pipe = small_pipeline(tmp_path)
    pipe.unet.enable_group_offload(
        CPU, offload_device=CPU, offload_type="leaf_level", offload_to_disk_path=str(tmp_path / "disk")
    )
    attach(pipe).denoise(PROMPTS, SEEDS, steps=1, watch=["self-attention"])
    with pytest.raises(UnderpaintingError, match="weights of UNet2DConditionModel are offloaded to where"):
        attach(pipe).fingerprint()


class Params4bit(torch.nn.Parameter):
    """Of bitsandbytes' kind: bytes, what they mean is beside them in the state."""


class GGUFParameter(torch.nn.Parameter):
    """Of diffusers' kind: bytes whose meaning a type tells, and operations give its like."""

    quant_type = "Q8_0"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = super().__torch_function__(func, types, args, kwargs or {})
        return cls(result, requires_grad=False) if isinstance(result, torch.Tensor) else result


@pytest.mark.parametrize("kind", [Params4bit, GGUFParameter])
def test_weights_of_a_class_are_told_by_class_and_bytes(kind: Any) -> None:
    def network(*weight: int, like: Any = kind) -> torch.nn.Module:
        module = torch.nn.Module()
        module.weight = like(torch.tensor(weight, dtype=torch.uint8), requires_grad=False)
        return module

    told = [sha256_of_weights(network(*weight)) for weight in ((1, 2), (1, 3), (1, 2))]
    assert told[0] == told[2] != told[1]
    plain = sha256_of_weights(network(1, 2, like=torch.nn.Parameter))
    assert (told[0] != plain) == (kind is GGUFParameter)
    with pytest.raises(UnderpaintingError, match=f"quantised \\(weight is of {kind.__name__}, torch.uint8"):
        require_plain(network(1, 2))

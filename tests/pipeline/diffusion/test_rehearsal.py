"""Branches are those that the network is given: against unguided runs, for every family and for odd ones."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPanoramaPipeline, StableDiffusionPipeline
from diffusers.pipelines.deprecated.stable_diffusion_safe import StableDiffusionPipelineSafe

from tests.pipeline.families import FAMILIES, lumina, of_stable_diffusion, stable_diffusion_3
from underpainting.diffusion import Model, StepRecord, attach
from underpainting.errors import UnderpaintingError

PROMPTS, SEEDS = ["a blue mug", "an orange on a table"], [3, 11]
USUAL, TURNED = ("unconditional", "conditional"), ("conditional", "unconditional")
MID = "mid_block.attentions.0.transformer_blocks.0.attn1@2x2x24"


class TurnedPipeline(StableDiffusionPipeline):  # type: ignore[misc]
    """Stable Diffusion whose text is stacked the other way round: a known family, changed by a user."""

    def encode_prompt(self, *args: Any, **kwargs: Any) -> Any:
        prompt, negative = super().encode_prompt(*args, **kwargs)
        return (prompt, negative) if negative is None else (negative, prompt)


ORDERS = {
    **{name: (make, "self-attention", USUAL) for name, make in FAMILIES.items()},
    "stable diffusion 3": (stable_diffusion_3, "transformer_blocks.0.attn.to_out.0@8x8x16", USUAL),
    "lumina": (lumina, "layers.1.feed_forward@4x4x16", TURNED),
    "turned": (lambda folder: of_stable_diffusion(TurnedPipeline, folder), "self-attention", TURNED),
}


def made(make: Any, folder: Path) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        pipe = make(folder)
    pipe.set_progress_bar_config(disable=True)
    return attach(pipe)


@pytest.mark.parametrize("name", ORDERS)
def test_the_conditional_branch_is_that_of_an_unguided_run(name: str, tmp_path: Path) -> None:
    make, layer, order = ORDERS[name]
    model = made(make, tmp_path)
    seen: dict[float, StepRecord] = {}
    for scale in (1.0, 4.0):
        watched = {"watch": [layer], "steps": 2, "stop_after": 1, "guidance_scale": scale}
        branches = model.stacking(scale).branches

        def keep(record: StepRecord, scale: float = scale) -> None:
            seen[scale] = record

        model.denoise(PROMPTS, SEEDS, branches=branches, on_step=keep, **watched)
    assert model.stacking(1.0).branches == ("conditional",) and model.stacking(4.0).branches == order
    for layer, alone in seen[1.0].activations.items():
        guided = seen[4.0].activations[layer]
        torch.testing.assert_close(guided["conditional"], alone["conditional"], rtol=1e-4, atol=1e-5)
    last = list(seen[1.0].activations)[-1]
    difference = seen[4.0].activations[last]["unconditional"] - seen[1.0].activations[last]["conditional"]
    assert difference.abs().max() > 1e-3


def test_an_edit_is_given_the_rows_in_that_order(tmp_path: Path) -> None:
    """What an edit is given is what is recorded of the branches, in the order that the model tells."""
    model = made(lumina, tmp_path)
    layer = ORDERS["lumina"][1]
    rows: list[torch.Tensor] = []
    records: list[StepRecord] = []
    model.denoise(
        *(PROMPTS, SEEDS),
        steps=2,
        watch=[layer],
        branches=TURNED,
        guidance_scale=4.0,
        stop_after=1,
        on_step=records.append,
        edit=lambda name, step, x: rows.append(x) or x,
    )
    (by_branch,) = records[0].activations.values()
    assert torch.equal(torch.cat([by_branch[branch] for branch in model.stacking(4.0).branches]), rows[0])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (StableDiffusionPanoramaPipeline, "gives its network 4 rows for 2 pictures, which are not"),
        (StableDiffusionPipelineSafe, "gives its network 6 rows for 2 pictures, which are not"),
    ],
)
def test_guidance_of_another_kind_is_refused(kind: Any, said: str, tmp_path: Path) -> None:
    model = made(lambda folder: of_stable_diffusion(kind, folder), tmp_path)
    layer = model.layers[6].name if model.layers else MID
    with pytest.raises(UnderpaintingError, match=f"{kind.__name__} {said}.*use guidance_scale 1"):
        model.denoise(PROMPTS, SEEDS, steps=2, guidance_scale=4.0, watch=[layer])
    assert not model.pipe.unet._forward_pre_hooks
    model.denoise(PROMPTS, SEEDS, steps=2, guidance_scale=1.0, watch=[layer])


def test_a_picture_in_parts_is_refused(tmp_path: Path) -> None:
    """A panorama's network sees parts of 64 x 64 latents, here of two parts."""
    model = made(lambda folder: of_stable_diffusion(StableDiffusionPanoramaPipeline, folder), tmp_path)
    layer = [MID.replace("@2x2", "@8x8")]
    with pytest.raises(UnderpaintingError, match=r"out of turn: pipelines that make a picture in parts"):
        model.denoise(["a"], [1], steps=1, guidance_scale=1.0, watch=layer, height=512, width=576)


def test_a_network_that_is_called_once_a_branch_is_refused(tmp_path: Path) -> None:
    model = made(lambda folder: of_stable_diffusion(StableDiffusionPipeline, folder), tmp_path)
    attention = model.pipe.unet.mid_block.attentions[0]
    once = attention.forward
    attention.forward = lambda *args, **kwargs: (once(*args, **kwargs), once(*args, **kwargs))[1]
    with pytest.raises(UnderpaintingError, match=r"2 times in step 1, not once: its pipeline calls"):
        model.denoise(["a"], [1], steps=1, watch=["mid.0"])


def test_a_network_is_asked_once_a_scale(model: Model) -> None:
    calls: list[int] = []
    hook = model.pipe.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    for scale in (3.25, 3.25, 3.25):
        model.denoise(["a mug"], [1], steps=1, guidance_scale=scale, watch=["mid.0"])
    model.with_denoiser(model.pipe.unet).denoise(
        ["a mug"], [1], steps=1, guidance_scale=3.25, watch=["mid.0"]
    )
    hook.remove()
    runs = 4 * 2  # a prompt and an empty one each
    assert len(calls) == runs + 3  # once the prompts alone, once with the empty ones


def test_without_layers_nothing_is_asked(model: Model) -> None:
    calls: list[int] = []
    hook = model.pipe.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    model.denoise(["a mug"], [1], steps=1, guidance_scale=3.75)
    hook.remove()
    assert len(calls) == 2

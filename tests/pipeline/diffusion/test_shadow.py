"""Untrained twins shown what the trained network is shown, against calling them by hand."""

from typing import Any

import torch

from underpainting.diffusion import Model, StepRecord, Watching
from underpainting.diffusion.twins import twin_of

LAYERS = ["down.0.0", "up.3.0"]
PATHS = {
    "down.0.0": "down_blocks.0.attentions.0.transformer_blocks.0.attn1",
    "up.3.0": "up_blocks.3.attentions.0.transformer_blocks.0.attn1",
}


def test_a_twin_sees_the_trained_networks_own_latents(model: Model) -> None:
    bare = model.denoise(["a lemon", "a mug"], [1, 2], steps=3).latents
    twins = {kind: twin_of(model.pipe.unet, kind) for kind in ("permuted", "fresh")}
    records: list[StepRecord] = []
    given: list[tuple[Any, Any]] = []
    hook = model.pipe.unet.register_forward_pre_hook(
        lambda module, args, kwargs: given.append((args, kwargs)), with_kwargs=True
    )
    try:
        watching = Watching(layers=LAYERS, twins=twins, on_step=records.append)
        made = model.run(["a lemon", "a mug"], [1, 2], watching, steps=3)
    finally:
        hook.remove()
    assert torch.equal(made.latents, bare)
    for kind, twin in twins.items():
        outputs: dict[str, list[torch.Tensor]] = {name: [] for name in LAYERS}
        for name in LAYERS:
            twin.get_submodule(PATHS[name]).register_forward_hook(
                lambda module, inputs, output, of=outputs[name]: of.append(output)
            )
        with torch.no_grad():
            for args, kwargs in given:
                twin(*args, **kwargs)
        for name in LAYERS:
            for record, output in zip(records, outputs[name], strict=True):
                assert torch.equal(record.activations[f"{kind}.{name}"]["conditional"], output[2:])
                assert not torch.equal(record.activations[name]["conditional"], output[2:])


def test_twins_leave_no_hooks(model: Model) -> None:
    twin = twin_of(model.pipe.unet, "permuted")
    model.run(["a lemon"], [1], Watching(layers=LAYERS, twins={"permuted": twin}), steps=2)
    assert not model.pipe.unet._forward_hooks
    assert all(not module._forward_hooks for module in twin.modules())

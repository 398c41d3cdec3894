"""The bundled pipeline is an ordinary one: diffusers loads it, and it is watched like any other."""

import torch
from diffusers import LMSDiscreteScheduler, StableDiffusionPipeline

import underpainting
from underpainting import stilllife


def test_diffusers_loads_and_runs_it_and_we_get_the_same() -> None:
    pipe = StableDiffusionPipeline.from_pretrained(stilllife.folder() / "pipeline")
    assert isinstance(pipe.scheduler, LMSDiscreteScheduler)
    pipe.set_progress_bar_config(disable=True)
    ours = underpainting.load("stilllife")
    prompts = ["a blue mug on a wooden floor", "an orange on a carpet"]
    theirs = pipe(
        prompts,
        num_inference_steps=3,
        guidance_scale=3.0,
        generator=[torch.Generator().manual_seed(s) for s in (1, 2)],
        output_type="latent",
    ).images
    seen: list[str] = []
    denoised = ours.denoise(
        prompts,
        [1, 2],
        steps=3,
        guidance_scale=3.0,
        watch=["self-attention"],
        on_step=lambda record: seen.extend(record.activations),
    )
    assert torch.equal(denoised.latents, theirs)
    assert len(seen) == 3 * 16


def test_it_has_the_sixteen_layers_of_stable_diffusion_v1_and_its_size() -> None:
    model = underpainting.load("stilllife")
    assert [layer.name for layer in model.layers] == [
        *(f"down.{b}.{i}" for b in range(3) for i in range(2)),
        "mid.0",
        *(f"up.{b}.{i}" for b in (1, 2, 3) for i in range(3)),
    ]
    assert [layer.grid[0] for layer in model.layers] == [16, 16, 8, 8, 4, 4, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16]
    assert model.size == (128, 128)
    assert sum(p.numel() for p in model.pipe.unet.parameters()) <= 18e6


def test_estimator_and_classifier_load_and_name_the_same_world() -> None:
    pictures = torch.rand(2, 3, 128, 128)
    assert set(underpainting.load_estimator("stilllife")(pictures)) == {"saliency", "depth", "shading"}
    classifier = underpainting.load_classifier("stilllife")
    assert {"lemon", "orange", "mug", "armchair"} <= set(classifier.classes)
    torch.testing.assert_close(classifier(pictures).sum(1), torch.ones(2))

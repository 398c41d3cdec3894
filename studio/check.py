"""What a trained folder reaches, on any device: a quick form of `studio.evaluate`, by diffusers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from studio.autoencoder import psnr, rebuilt
from studio.pool import to_input
from studio.prompts import draw
from studio.scenes import Scenes
from studio.training import device
from underpainting.observers.classifiers.small_vgg import SmallClassifier
from underpainting.observers.estimators.small_unet import SmallEstimator

BATCH, STEPS, GUIDANCE, SEED = 64, 15, 3.0, 12345


@torch.no_grad()
def figures(folder: Path, known: Scenes, shown: dict[str, Tensor], prompts: int) -> dict[str, float]:
    """Class and colour on ``prompts`` prompts and as many of pairs never seen; held-out scenes' figures.

    ``known`` are held-out scenes, ``shown`` their pictures and colours (`studio.pool.pictures_of`).
    Keys are those of ``studio/evaluation.json``.
    """
    where = device()
    pipeline = StableDiffusionPipeline.from_pretrained(folder / "pipeline").to(where)
    classifier = SmallClassifier.from_pretrained(folder / "classifier", device=where)
    estimator = SmallEstimator.from_pretrained(folder / "estimator", device=where)
    found: dict[str, float] = {}
    for ending, held_out in (("", False), ("_held_out", True)):
        rows = draw(prompts, SEED, held_out)
        pictures = generate(pipeline, [row[0] for row in rows], [row[1] for row in rows])
        classes = [classifier.classes[k] for k in classifier(pictures).argmax(1).tolist()]
        colours = [classifier.colours[k] for k in classifier.colour_of(pictures).argmax(1).tolist()]
        found[f"class_accuracy{ending}"] = right(classes, [row[2] for row in rows])
        found[f"colour_accuracy{ending}"] = right(colours, [row[3] for row in rows])
    x = to_input(shown["picture"])
    seen = (x + 1) / 2
    found["classifier_accuracy"] = right(classifier(seen).argmax(1).tolist(), known.name.tolist())
    tones = classifier.colour_of(seen).argmax(1)
    found["classifier_colour_accuracy"] = right(tones.tolist(), shown["colour"].tolist())
    again = rebuilt(pipeline.vae, x)
    found["psnr"] = float(psnr(again, x).mean())
    for ending, pictures in (("", seen), ("_autoencoded", (again.clamp(-1, 1) + 1) / 2)):
        maps = {key: value.to(where) for key, value in estimator(pictures).items()}
        inside, wanted = maps["saliency"] > 0, known.masks() > 0.5
        dice = 2 * (inside & wanted).sum((1, 2)) / (inside.sum((1, 2)) + wanted.sum((1, 2))).clamp(min=1)
        found[f"mask_dice{ending}"] = float(dice.mean())
        found[f"depth_rank{ending}"] = float(rank_correlation(maps["depth"], known.near).mean())
        found[f"shading_rank{ending}"] = float(rank_correlation(maps["shading"], known.shading).mean())
    return found


def generate(pipeline: StableDiffusionPipeline, prompts: list[str], seeds: list[int]) -> Tensor:
    """Pictures [picture,3,128,128] in 0..1, each from its own seed's noise."""
    pipeline.set_progress_bar_config(disable=True)
    made = []
    for start in range(0, len(prompts), BATCH):
        some = slice(start, start + BATCH)
        noise = [torch.Generator().manual_seed(seed) for seed in seeds[some]]
        result = pipeline(
            prompts[some],
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=noise,
            output_type="pt",
        )
        made.append(result.images)
    return torch.cat(made)


def right(seen: Sequence[object], wanted: Sequence[object]) -> float:
    """The share of answers that are right."""
    return sum(a == b for a, b in zip(seen, wanted, strict=True)) / len(wanted)


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's correlation [picture] of maps [picture,height,width]; ties share their mean rank."""
    ranks = [_ranks(maps.float().flatten(1)) for maps in (a, b)]
    x, y = (r - r.mean(1, keepdim=True) for r in ranks)
    return (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1)).clamp(min=1e-12)


def _ranks(values: Tensor) -> Tensor:
    ordered = values.sort(dim=1).values.contiguous()
    below = torch.searchsorted(ordered, values.contiguous())
    return (below + torch.searchsorted(ordered, values.contiguous(), right=True)).double() / 2

"""Measures the still life against its bars: ``python -m studio.evaluate`` prints and writes evaluation.json.

Prompts and seeds are fixed and used nowhere in training; held-out renders are every tenth scene. ``--sheet``
also draws a contact sheet of 64 generated pictures with the outlines that the estimator sees; ``--folder``
measures other weights, such as a training's: what it lacks is the bundled.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import binary_dilation
from scipy.stats import spearmanr
from torch import Tensor

from studio.autoencoder import psnr, rebuilt
from studio.data import Pictures, load_pictures
from studio.likeness import copies, one_a_scene, seen_again
from studio.measures import nearest_copies, variety
from studio.pool import to_input
from studio.prompts import Row, draw
from studio.world import CLASSES
from underpainting import load, load_classifier, load_estimator, stilllife
from underpainting.diffusion import Model
from underpainting.findings.distances import frechet
from underpainting.observers.classifiers.small_vgg import SmallClassifier
from underpainting.observers.protocols import Estimator

BATCH, STEPS, SEED = 16, 15, 12345
CONTROLLED = 512  # pictures whose class and colour are compared with their prompt's
VARIED = ("a red mug on a wooden floor", "mug", "red")
OUT = Path(__file__).parent / "evaluation.json"


def generate(
    model: Model, prompts: list[str], seeds: list[int], guidance_scale: float, steps: int = STEPS
) -> Tensor:
    """Pictures [picture, 3, 128, 128] in 0..1."""
    made = []
    for i in range(0, len(prompts), BATCH):
        some = slice(i, i + BATCH)
        latents = model.denoise(
            prompts[some], seeds[some], steps=steps, guidance_scale=guidance_scale
        ).latents
        made.append(model.decode(latents))
    return torch.cat(made)


def text_control(pictures: Tensor, classifier: SmallClassifier, rows: list[Row]) -> dict[str, float]:
    """Shares of pictures whose class and colour, as the classifier sees them, are those of the prompt."""
    seen = classifier(pictures).argmax(1).tolist(), classifier.colour_of(pictures).argmax(1).tolist()
    classes = [classifier.classes[s] == row[2] for s, row in zip(seen[0], rows, strict=True)]
    colours = [classifier.colours[s] == row[3] for s, row in zip(seen[1], rows, strict=True)]
    return {"class_accuracy": float(np.mean(classes)), "colour_accuracy": float(np.mean(colours))}


def estimators(estimator: Estimator, pictures: Tensor, data: Pictures, scene: np.ndarray) -> dict[str, float]:
    """Dice and rank correlations of the estimator's maps with the renderer's, a mean over pictures."""
    maps = estimator(pictures)
    dice, depth, shading = [], [], []
    for k, s in enumerate(scene):
        inside, wanted = maps["saliency"][k].numpy() > 0, data.mask[s] > 0.5
        dice.append(2 * (inside & wanted).sum() / (inside.sum() + wanted.sum()))
        depth.append(spearmanr(maps["depth"][k].ravel(), -data.depth[s].astype(float).ravel()).statistic)
        shading.append(spearmanr(maps["shading"][k].ravel(), data.shading[s].astype(float).ravel()).statistic)
    return {
        "mask_dice": float(np.mean(dice)),
        "depth_rank": float(np.mean(depth)),
        "shading_rank": float(np.mean(shading)),
    }


def sheet(pictures: Tensor, masks: Tensor, columns: int = 8) -> Image.Image:
    """Pictures in rows, each with the outline of its mask beside it."""
    plain = (pictures.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    outlined = plain.copy()
    for picture, mask in zip(outlined, masks.numpy() > 0, strict=True):
        picture[binary_dilation(mask) & ~mask] = (255, 0, 255)
    rows = [
        np.concatenate(
            [side[i : i + columns].transpose(1, 0, 2, 3).reshape(128, -1, 3) for side in (plain, outlined)], 1
        )
        for i in range(0, len(plain), columns)
    ]
    return Image.fromarray(np.concatenate(rows))


def main(arguments: list[str] | None = None) -> None:
    """Measures, prints, writes."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--pictures", type=int, default=1000)
    cli.add_argument("--guidance", type=float, default=3.0)
    cli.add_argument("--sheet", type=Path)
    cli.add_argument("--folder", type=Path, help="of pipeline, estimator and classifier; else the bundled")
    cli.add_argument("--out", type=Path, default=OUT)
    args = cli.parse_args(arguments)
    folder = args.folder or stilllife.folder()

    def part(name: str) -> str:
        return str(folder / name) if (folder / name).exists() else "stilllife"

    model, estimator = load(part("pipeline")), load_estimator(part("estimator"))
    classifier = load_classifier(part("classifier"))
    assert isinstance(classifier, SmallClassifier)
    found: dict[str, float] = {"pictures": args.pictures, "steps": STEPS, "guidance_scale": args.guidance}

    def make(rows: list[Row]) -> Tensor:
        return generate(model, [row[0] for row in rows], [row[1] for row in rows], args.guidance)

    rows = draw(args.pictures, SEED)
    began = time.monotonic()
    pictures = make(rows)
    found["seconds_per_picture"] = (time.monotonic() - began) / len(pictures)
    found |= text_control(pictures[:CONTROLLED], classifier, rows[:CONTROLLED])
    unseen = draw(max(BATCH, args.pictures // 8), SEED, held_out=True)
    control = text_control(make(unseen), classifier, unseen)
    found |= {f"{key}_held_out": value for key, value in control.items()}

    data = load_pictures(held_out=True)
    renders = to_input(torch.from_numpy(data.picture))
    seen = (
        classifier((renders + 1) / 2).argmax(1).numpy(),
        classifier.colour_of((renders + 1) / 2).argmax(1).numpy(),
    )
    found["classifier_accuracy"] = float((seen[0] == data.name).mean())
    found["classifier_colour_accuracy"] = float((seen[1] == data.colour).mean())
    some = np.arange(0, len(data), 4)
    vae = model.pipe.vae
    there = rebuilt(vae, renders[some])
    found["psnr"] = float(psnr(there, renders[some]).mean())
    found |= estimators(estimator, (renders[some] + 1) / 2, data, data.scene[some])
    again = estimators(estimator, (there.clamp(-1, 1) + 1) / 2, data, data.scene[some])
    found |= {f"{key}_autoencoded": value for key, value in again.items()}

    known = load_pictures(held_out=False)
    training = torch.from_numpy(known.picture).permute(0, 3, 1, 2)
    unseen_renders = torch.from_numpy(data.picture).permute(0, 3, 1, 2)[: args.pictures]
    near = nearest_copies([pictures, unseen_renders], training, known.scene)
    found |= {"nearest_copy": near[0], "nearest_copy_held_out": near[1]}
    found |= copies(pictures, there, training, known.scene, estimator, vae)
    features = classifier.features(pictures).numpy()
    real = classifier.features((renders + 1) / 2).numpy()[: args.pictures]
    found["frechet"] = frechet(features, real)
    found["frechet_halves"] = frechet(real[::2], real[1::2])
    one = [(VARIED[0], SEED + i, *VARIED[1:]) for i in range(min(args.pictures, 200))]
    masks = estimator(make(one))["saliency"].numpy()
    alike = training[one_a_scene(known.scene, known.name == CLASSES.index(VARIED[1]))]
    found |= variety(masks > 0, seen_again(alike, vae, estimator)["saliency"].numpy() > 0)
    found["size_mb"] = sum(f.stat().st_size for f in folder.rglob("*.safetensors")) / 1e6
    found["parameters_million"] = sum(p.numel() for p in model.pipe.unet.parameters()) / 1e6
    if args.sheet:
        sheet(pictures[:64], estimator(pictures[:64])["saliency"]).save(args.sheet)
    args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(*(f"{key:28s} {value:10.4g}" for key, value in found.items()), sep="\n")


if __name__ == "__main__":
    main()

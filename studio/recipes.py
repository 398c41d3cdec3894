"""What a sample teaches: trainings of equal minutes from the same weights, each by another recipe.

``python -m studio.recipes --minutes 8`` goes on from the bundled denoiser by each of RECIPES for eight
minutes of the processor, so that what runs beside it takes nothing away; give it one core (``taskset -c
0``). It prints a table and writes it to ``figures/recipes.json``: the loss on held-out scenes at fixed
noise and silent prompts, class and colour of pictures, also of pairs that no training shows, and how far
the object's place spreads over seeds of one silent prompt. Differences are to the first recipe, paired by
scene, prompt or seed, with their standard errors; the last is the first again with other random numbers.
What a recipe gave is kept in ``--work``, so that a run that was stopped goes on with the next.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from torch import Tensor, nn

from studio import diffusion, scenes, tokens
from studio.bundled import fingerprint
from studio.check import generate
from studio.measures import placement
from studio.pool import Pool, latents_of, token_ids
from studio.prompts import draw
from studio.training import Course, train
from underpainting import stilllife
from underpainting.observers.classifiers.small_vgg import SmallClassifier
from underpainting.observers.estimators.small_unet import SmallEstimator

RATE, SEED, LEVELS, AT_ONCE = 1.1e-3, 4321, 8, 50
SILENT = "a red mug on a wooden floor"
OUT, WORK = Path("figures") / "recipes.json", Path("build") / "recipes"
Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How a denoiser is trained on; see `studio.diffusion` for what each means."""

    optimizer: str = "muon"
    scenes: int | None = None
    colourings: int = 1
    fresh: int = 0
    told: float = 0.0
    seed: int = 0


RECIPES = {  # each of the first five adds one thing to the one before
    "AdamW, 1,700 scenes, 3 colourings": Recipe("adamw", scenes=1700, colourings=3),
    "Muon": Recipe(scenes=1700, colourings=3),
    "all scenes, 1 colouring": Recipe(),
    "coloured anew": Recipe(fresh=4),
    "captions that tell": Recipe(fresh=4, told=0.5),
    "the same by AdamW": Recipe("adamw", fresh=4, told=0.5),
    "the first again": Recipe("adamw", scenes=1700, colourings=3, seed=1),
}


def trained(recipe: Recipe, start: Path, folder: Path, packed: Path | None, minutes: float) -> int:
    """Trains the denoiser in ``start`` and saves its pipeline in ``folder``; the samples that it saw."""
    progress = folder / "progress.json"
    if not progress.exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start / "vae", folder / "vae")
        torch.manual_seed(0)
        tokenizer = tokens.build()
        denoiser = diffusion.load(start, tokenizer).train()
        known = scenes.load(held_out=False, packed=packed, limit=recipe.scenes)
        make = latents_of(known, AutoencoderKL.from_pretrained(folder / "vae").eval(), tokenizer, recipe.told)
        pool = Pool(len(known), make, np.random.default_rng(recipe.seed), recipe.colourings)
        empty = token_ids(tokenizer, [""])[0]
        objective = diffusion.Objective(denoiser, known, pool, diffusion.BATCH, recipe.fresh, empty)
        rng = torch.Generator().manual_seed(recipe.seed)

        def keep(average: nn.Module) -> None:
            assert isinstance(average, diffusion.Denoiser)
            diffusion.save(average, tokenizer, folder)

        train(
            denoiser,
            lambda _: objective(rng),
            keep,
            folder=folder,
            batch=diffusion.BATCH,
            course=Course(
                minutes=minutes,
                rate=RATE,
                optimizer=recipe.optimizer,
                clock=time.process_time,
                save=math.inf,
            ),
        )
    return int(json.loads(progress.read_text())["samples"])


@torch.no_grad()
def held_out_loss(denoiser: diffusion.Forward, latents: Tensor, words: Tensor) -> Tensor:
    """Mean squared error [picture] of the noise predicted at LEVELS steps, spread as training draws them.

    latents [picture,4,height,width], words [picture,LENGTH]; the noise is the same at every call.
    """
    kept, share = diffusion.noise_levels()
    rng = torch.Generator().manual_seed(SEED)
    total = torch.zeros(len(latents))
    for step in torch.searchsorted(share, (torch.arange(LEVELS) + 0.5) / LEVELS):
        noise = torch.randn(latents.shape, generator=rng)
        noisy = kept[step].sqrt() * latents + (1 - kept[step]).sqrt() * noise
        for some in torch.split(torch.arange(len(latents)), AT_ONCE):
            predicted = denoiser(noisy[some], step.expand(len(some)), words[some])
            total[some] += (predicted - noise[some]).square().mean((1, 2, 3)) / LEVELS
    return total


def measured(folder: Path, packed: Path | None, prompts: int) -> Values:
    """What the pipeline in ``folder`` reaches, for each held-out scene, prompt or seed.

    ``prompts`` pictures of pairs in training, half as many of others, a quarter of one prompt.
    """
    tokenizer, bundled = tokens.build(), stilllife.folder()
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    classifier = SmallClassifier.from_pretrained(bundled / "classifier")
    estimator = SmallEstimator.from_pretrained(bundled / "estimator")
    known = scenes.load(held_out=True, packed=packed)
    silent = Pool(len(known), latents_of(known, pipeline.vae, tokenizer, 0), np.random.default_rng(SEED))
    denoiser = diffusion.Denoiser(pipeline.unet, pipeline.text_encoder)
    loss = held_out_loss(denoiser, silent.columns["latent"], silent.columns["words"])
    found = {"loss": loss.numpy()}
    for ending, count, held_out in (("", prompts, False), (", unseen pairs", prompts // 2, True)):
        rows = draw(count, SEED, held_out)
        pictures = generate(pipeline, [row[0] for row in rows], [row[1] for row in rows])
        classes = [classifier.classes[k] for k in classifier(pictures).argmax(1).tolist()]
        colours = [classifier.colours[k] for k in classifier.colour_of(pictures).argmax(1).tolist()]
        found["class" + ending] = np.array([a == row[2] for a, row in zip(classes, rows, strict=True)])
        found["colour" + ending] = np.array([a == row[3] for a, row in zip(colours, rows, strict=True)])
    seeds = list(range(SEED, SEED + prompts // 4))
    masks = estimator(generate(pipeline, [SILENT] * len(seeds), seeds))["saliency"].numpy() > 0
    there = masks.any((1, 2))
    for name, key in (("across", "x"), ("down", "y")):
        found[name] = np.full(len(masks), np.nan)
        found[name][there] = placement(masks)[key]
    return {key: values.astype(np.float64) for key, values in found.items()}


def paired(values: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """Mean, difference to the others' and its standard error, over what is defined (not NaN) of both."""
    both = np.isfinite(values) & np.isfinite(others)
    change = (values - others)[both]
    error = change.std(ddof=1) / len(change) ** 0.5 if len(change) > 1 else 0.0
    return {"mean": float(values[both].mean()), "difference": float(change.mean()), "error": float(error)}


def row(values: Values, first: Values) -> dict[str, dict[str, float]]:
    """A recipe's line of the table: `paired` of everything measured.

    Of places it is the distance to their median in shares of the picture (``spread``), and ``same place`` is
    the correlation of places across with the first recipe's pictures from the same seeds.
    """
    found = {key: paired(values[key], first[key]) for key in values if key not in ("across", "down")}
    for key in ("across", "down"):
        mine, theirs = (np.abs(v - np.nanmedian(v)) for v in (values[key], first[key]))
        found[f"spread {key}"] = paired(mine, theirs)
    both = np.isfinite(values["across"]) & np.isfinite(first["across"])
    alike = np.corrcoef(values["across"][both], first["across"][both])[0, 1]
    return {**found, "same place": {"mean": float(alike)}}


def table(rows: dict[str, Any]) -> str:
    """The table in words and columns, each figure before its difference to the first recipe's."""
    lines = []
    for name, found in rows.items():
        lines.append(f"{name}: {found['samples']} samples")
        for key, of in found["measured"].items():
            compared = f"  {of['difference']:+.4f} ± {of['error']:.4f}" if of.get("error") else ""
            lines.append(f"    {key:22s} {of['mean']:.4f}{compared}")
    return "\n".join(lines)


def result(recipe: Recipe, args: argparse.Namespace, folder: Path) -> Values:
    """What a recipe gave, from ``folder`` as far as it is there and was made with these settings."""
    asked = {"start": fingerprint(args.start), "minutes": args.minutes, "prompts": args.prompts}
    settings, noted = json.dumps(asked | asdict(recipe)), folder / "settings.json"
    if not noted.exists() or noted.read_text() != settings:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        noted.write_text(settings)
    path, part = folder / "measured.npz", folder / "part.npz"
    if not path.exists():
        samples = trained(recipe, args.start, folder / "pipeline", args.packed, args.minutes)
        np.savez(part, samples=samples, **measured(folder / "pipeline", args.packed, args.prompts))
        part.replace(path)
    with np.load(path) as stored:
        return dict(stored)


def main(arguments: list[str] | None = None) -> None:
    """Trains by every recipe, measures, prints, writes."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--minutes", type=float, default=8, help="of the processor, for each recipe")
    cli.add_argument("--prompts", type=int, default=256, help="pictures that class and colour are counted on")
    cli.add_argument("--packed", type=Path, help="where studio.scenes put them")
    cli.add_argument("--start", type=Path, default=stilllife.folder() / "pipeline")
    cli.add_argument("--work", type=Path, default=WORK, help="a folder for what recipes give")
    cli.add_argument("--out", type=Path, default=OUT)
    args = cli.parse_args(arguments)
    first: Values = {}
    rows: dict[str, Any] = {}
    for number, (name, recipe) in enumerate(RECIPES.items()):
        values = result(recipe, args, args.work / str(number))
        samples = int(values.pop("samples"))
        first = first or values
        rows[name] = {"samples": samples, "measured": row(values, first)}
        print(table({name: rows[name]}), flush=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        found = {"start": fingerprint(args.start), "minutes": args.minutes, "recipes": rows}
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Are objects of another size than the renders', and are pictures copied? ``python -m studio.doubts``.

Makes 1,380 pictures of the bundled pipeline: of one prompt's seeds at several guidances and numbers of
steps, and of many prompts. They are kept in ``--work``, a few at a time, so that it goes on where it was
stopped. Sizes, the object's share of the picture as the estimator sees it, stand beside those of renders,
as they are and after the autoencoder, and the renders' true ones; how near pictures come to training's
beside how near renders come that were never trained on. ``--sheet`` draws the nearest pairs, in colour and
in layout. Prints and writes ``figures/doubts.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from scipy.stats import ks_2samp
from torch import Tensor

from studio import evaluate
from studio.autoencoder import rebuilt
from studio.bundled import fingerprint
from studio.data import Pictures, load_pictures
from studio.likeness import copies, one_a_scene, seen_again, seen_maps
from studio.measures import layouts, nearer_to_training, nearest_copies, placement, thumbnails
from studio.prompts import Row, draw
from studio.world import CLASSES
from underpainting import load, load_estimator
from underpainting.diffusion import Model
from underpainting.observers.protocols import Estimator

PIECE = 20  # pictures a file
WORK, OUT = Path("build") / "doubts", Path("figures") / "doubts.json"
RENDERS = "renders after the autoencoder"
Array = np.ndarray
Rows = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Asked:
    """Pictures to make: prompts in turn, or so many seeds of one, at one guidance and number of steps."""

    rows: list[Row]
    guidance: float = 3.0
    steps: int = evaluate.STEPS


def asked(pictures: int) -> dict[str, Asked]:
    """All that is made; seeds of the one prompt are the same at every setting."""
    seeds = [(evaluate.VARIED[0], evaluate.SEED + i, *evaluate.VARIED[1:]) for i in range(160)]
    return {
        "guidance 3": Asked(seeds),
        "guidance 1": Asked(seeds[:80], guidance=1.0),
        "guidance 7.5": Asked(seeds[:80], guidance=7.5),
        "50 steps": Asked(seeds[:60], steps=50),
        "prompts": Asked(draw(pictures, evaluate.SEED)),
    }


def pieces(model: Model, wanted: Asked, folder: Path) -> Iterator[Tensor]:
    """Pictures [picture,3,128,128] in 0..1, PIECE at a time, made unless they are in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(wanted.rows), PIECE):
        path, part = folder / f"{start:04d}.npy", folder / "part.npy"
        if not path.exists():
            some = wanted.rows[start : start + PIECE]
            made = evaluate.generate(
                model, [row[0] for row in some], [row[1] for row in some], wanted.guidance, wanted.steps
            )
            np.save(part, (made * 255).round().byte().permute(0, 2, 3, 1).numpy())
            part.replace(path)
        yield torch.from_numpy(np.load(path)).permute(0, 3, 1, 2) / 255


def sizes(masks: Tensor) -> Array:
    """The object's share of each picture of masks [picture, height, width], NaN where there is none."""
    inside = masks.numpy() > 0
    shares = np.full(len(inside), np.nan)
    shares[inside.any((1, 2))] = placement(inside)["size"]
    return shares


def size_rows(shares: dict[str, Array], control: str) -> Rows:
    """Mean size of each with its standard error, and the two-sample p against the control's."""
    known = {name: values[np.isfinite(values)] for name, values in shares.items()}
    return {
        name: {
            "pictures": len(values),
            "mean": float(values.mean()),
            "error": float(values.std(ddof=1) / len(values) ** 0.5),
            "p": float(ks_2samp(values, known[control]).pvalue),
        }
        for name, values in known.items()
    }


def nearest_pairs(points: Tensor, known: Tensor, count: int = 8) -> tuple[Array, Array]:
    """The points that come nearest to a known one, and which these are, nearest first."""
    apart, where = torch.cdist(points, known).min(1)
    order = apart.argsort()[:count]
    return order.numpy(), where[order].numpy()


def side_by_side(pairs: list[tuple[Tensor, Tensor]]) -> Image.Image:
    """Rows of pictures [picture,3,height,width] in 0..1, each row above what it is compared with."""
    rows = [
        np.concatenate([picture.permute(1, 2, 0).numpy() for picture in pictures], 1)
        for pair in pairs
        for pictures in pair
    ]
    return Image.fromarray((np.concatenate(rows) * 255).round().astype(np.uint8))


def of_one_prompt(
    made: dict[str, Tensor], known: Pictures, vae: AutoencoderKL, estimator: Estimator
) -> dict[str, Array]:
    """How large the one prompt's object is at every setting, and in renders of its class."""
    training = torch.from_numpy(known.picture).permute(0, 3, 1, 2)
    some = one_a_scene(known.scene, known.name == CLASSES.index(evaluate.VARIED[1]))
    shares = {
        "renders, true masks": sizes(torch.from_numpy(known.mask[known.scene[some]]) - 0.5),
        "renders, as the estimator sees them": sizes(seen_maps(training[some], estimator)["saliency"]),
        RENDERS: sizes(seen_again(training[some], vae, estimator)["saliency"]),
    }
    for name, pictures in made.items():
        shares[name] = sizes(seen_maps(pictures, estimator)["saliency"])
    return shares


def nearest_shown(pictures: Tensor, training: Tensor, scene: Array, estimator: Estimator) -> Image.Image:
    """The nearest pairs in colour, then those in layout: pictures above training's."""
    first = training[one_a_scene(scene)]
    points = [
        (thumbnails(pictures), thumbnails(training)),
        (layouts(seen_maps(pictures, estimator)), layouts(seen_maps(first, estimator))),
    ]
    pairs = [nearest_pairs(*both) for both in points]
    renders = (training, first)
    return side_by_side([(pictures[a], some[b] / 255) for (a, b), some in zip(pairs, renders, strict=True)])


def main(arguments: list[str] | None = None) -> None:
    """Makes pictures, measures, prints, writes."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--pictures", type=int, default=1000, help="of many prompts")
    cli.add_argument("--work", type=Path, default=WORK)
    cli.add_argument("--out", type=Path, default=OUT)
    cli.add_argument("--sheet", type=Path)
    args = cli.parse_args(arguments)
    model, estimator = load("stilllife"), load_estimator("stilllife")
    work, vae = args.work / fingerprint()[:12], model.pipe.vae
    made = {
        name: torch.cat(list(pieces(model, wanted, work / name.replace(" ", "-"))))
        for name, wanted in asked(args.pictures).items()
    }
    pictures = made.pop("prompts")
    known, held_out = load_pictures(held_out=False), load_pictures(held_out=True)
    training, unseen = (torch.from_numpy(some.picture).permute(0, 3, 1, 2) for some in (known, held_out))
    again = rebuilt(vae, unseen[one_a_scene(held_out.scene)].float() / 127.5 - 1)
    every = {RENDERS: (again.clamp(-1, 1) + 1) / 2, "guidance 3": pictures}
    seen = {name: sizes(seen_maps(some, estimator)["saliency"]) for name, some in every.items()}
    size = {
        "a red mug": size_rows(of_one_prompt(made, known, vae, estimator), RENDERS),
        "every class": size_rows(seen, RENDERS),
    }
    near = nearest_copies([pictures, unseen[: len(pictures)]], training, known.scene)
    copying = {
        "nearest_copy": near[0],
        "nearest_copy_held_out": near[1],
        "nearer_to_training": nearer_to_training(*map(thumbnails, (pictures, training, unseen))),
        **copies(pictures, again, training, known.scene, estimator, vae),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"size": size, "copies": copying}, indent=1) + "\n")
    for about, rows in size.items():
        print(f"{about}, share of the picture:")
        for name, row in rows.items():
            print("  {:36s} {mean:.3f} ± {error:.3f}  p {p:.2g}, {pictures} pictures".format(name, **row))
    print(*(f"{name:38s} {value:.3f}" for name, value in copying.items()), sep="\n")
    if args.sheet:
        nearest_shown(pictures, training, known.scene, estimator).save(args.sheet)


if __name__ == "__main__":
    main()

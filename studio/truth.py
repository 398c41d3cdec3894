"""Probes against the truth: what a study's probes read of held-out renders, and what the renderer knows.

``python -m studio.truth STUDY`` shows renders to the model at every step's noise level and writes
``studio/truth.json``: for each property, by step, the mean score of the readings against the renderer's own
map and against the estimator's; and the estimator's score against the renderer, before and after the
autoencoder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.data import load_pictures
from underpainting.questions.look import look_at, score_readings
from underpainting.study.environment import reload
from underpainting.study.labels import label_pictures
from underpainting.study.study import open_study

OUT = Path(__file__).parent / "truth.json"


def main() -> None:
    """Looks at renders, prints, writes."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("study", type=Path)
    cli.add_argument("--pictures", type=int, default=40)
    cli.add_argument("--out", type=Path, default=OUT)
    args = cli.parse_args()
    study = open_study(args.study)
    loaded = reload(study)
    places, data = loaded.places, load_pictures(held_out=True)
    some = np.arange(0, len(data), 4)[: args.pictures]  # one colouring a scene
    scores: dict[str, dict[str, list[list[float]]]] = {"truth": {}, "estimator": {}}
    estimator: dict[str, dict[str, list[float]]] = {"render": {}, "autoencoded": {}}
    for i in some:
        picture = torch.from_numpy(data.picture[i]).permute(2, 0, 1) / 255
        truth = true_maps(data.mask[data.scene[i]], data.depth[data.scene[i]], data.shading[data.scene[i]])
        looked = look_at(study, loaded, picture, prompt=data.prompt[i], seed=int(i))
        for against, labels in (("truth", truth), ("estimator", looked.labels)):
            for name, curve in score_readings(looked.readings, labels, places).items():
                scores[against].setdefault(name, []).append(curve)
        there = loaded.model.decode(loaded.model.encode(picture[None]))
        for version, shown in (("render", picture[None]), ("autoencoded", there)):
            maps = label_pictures(loaded.estimator, shown, places.properties)
            for name, value in score_readings(maps, truth, places).items():
                estimator[version].setdefault(name, []).append(value[0])
    by_step = {k: {n: np.mean(v, axis=0).tolist() for n, v in of.items()} for k, of in scores.items()}
    of_estimator = {k: {n: float(np.mean(v)) for n, v in of.items()} for k, of in estimator.items()}
    found = {
        "pictures": len(some),
        "probe_against": by_step,
        "estimator_against_truth": of_estimator,
    }
    args.out.write_text(json.dumps(found, indent=1) + "\n")
    for version, of in of_estimator.items():
        print(f"estimator on {version:12s}", *(f"{name} {value:.3f}" for name, value in of.items()))
    for against, of_property in by_step.items():
        for name, means in of_property.items():
            print(f"{name:9s} against {against:10s}", *(f"{value:5.2f}" for value in means))


def true_maps(mask: np.ndarray, depth: np.ndarray, shading: np.ndarray) -> dict[str, Tensor]:
    """The renderer's maps [height, width] in the estimator's terms: 0 or 1, inverse depth, shading."""
    return {
        "saliency": torch.from_numpy(mask > 0.5).float(),
        "depth": 1 / torch.from_numpy(depth).float(),
        "shading": torch.from_numpy(shading).float(),
    }


if __name__ == "__main__":
    main()

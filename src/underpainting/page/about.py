"""What the page is told before anything is asked: the model, its layers, how well probes read, limits."""

from __future__ import annotations

import math
import re
from typing import Any

import torch

import underpainting
from underpainting.colours import ramp, ramp_name
from underpainting.page.asks import KINDS, LIMITS
from underpainting.page.jobs import KEPT, QUEUE
from underpainting.page.served import Served
from underpainting.page.wire import defined, text
from underpainting.records import SCORES
from underpainting.vocabulary import METRICS

PROMPTS, WORDS = 40, 300


def about(served: Served) -> dict[str, Any]:
    """All of it, as JSON."""
    study, model = served.study, served.model
    config, probes = study.config.model, served.painter.probes
    classifier, gallery = served.painter.loaded.classifier, study.gallery
    scores = mean_scores(served)
    prompts = list(dict.fromkeys(row.prompt for row in study.rows))
    shown = [] if gallery is None else gallery.about["pictures"]
    return {
        "version": underpainting.__version__,
        "name": study.folder.resolve().name,
        "model": config.name,
        "scheduler": model.scheduler_name,
        "size": list(model.size),
        "latents": list(served.latents),
        "steps": config.steps,
        "guidance_scale": config.guidance_scale,
        "layers": [
            {"name": layer.name, "grid": list(layer.grid), "channels": layer.channels}
            for layer in served.painter.loaded.places.watched
        ],
        "properties": [
            {
                "name": of.name,
                "binary": of.binary,
                "metric": METRICS[of.main_metric],
                "layer": probes.best_layer(of.name),
                "ramp": text(ramp(ramp_name(of.name)).tobytes()),
            }
            for of in served.properties
        ],
        "scores": scores["probe"],
        "ceilings": {
            name: {layer: steps[0] for layer, steps in by_layer.items()}
            for name, by_layer in scores["ceiling"].items()
        },
        "thresholds": served.thresholds,
        "classes": None if classifier is None else [name.split(",")[0] for name in classifier.classes],
        "edits": {
            "kinds": list(KINDS),
            "moves": served.moving.model_dump(mode="json"),
            "targets": served.following.model_dump(mode="json"),
        },
        "suggestions": {"prompts": _spread(prompts), "words": _words(prompts)},
        "gallery": [
            {"number": number, **{name: of[name] for name in ("image", "prompt", "seed")}}
            for number, of in enumerate(shown)
        ],
        "report": study.report_file.is_file(),
        "limits": {**LIMITS, "queue": QUEUE, "kept": KEPT},
    }


def mean_scores(served: Served) -> dict[str, dict[str, dict[str, list[float | None]]]]:
    """Mean main scores over test pictures of `probe` and `ceiling`, by property and layer [step].

    A ceiling is one for all steps.
    """
    frame = served.study.table(served.study.scores_file, SCORES).to_pandas()
    main = {of.name: of.main_metric for of in served.properties}
    frame = frame[frame["metric"] == frame["property"].map(main)]
    kept = frame[frame["source"].isin(["probe", "ceiling"]) & frame["branch"].isin([served.branch, ""])]
    means = kept.groupby(["source", "property", "layer", "step"])["value"].mean()
    scores: dict[str, dict[str, dict[str, list[float | None]]]] = {"probe": {}, "ceiling": {}}
    for (source, name, layer, step), value in means.items():
        if layer in served.layers:
            steps = scores[source].setdefault(name, {}).setdefault(layer, [])
            steps += [None] * (max(step, 1) - len(steps))
            steps[max(step, 1) - 1] = defined(round(value, 4)) if math.isfinite(value) else None
    return scores


def _spread(prompts: list[str]) -> list[str]:
    at = torch.linspace(0, len(prompts) - 1, min(PROMPTS, len(prompts))).round().int().tolist()
    return [prompts[i] for i in at]


def _words(prompts: list[str]) -> list[str]:
    counts: dict[str, int] = {}
    for prompt in prompts:
        for word in re.findall(r"[^\W\d_][\w'-]*", prompt.lower()):
            counts[word] = counts.get(word, 0) + 1
    return sorted(sorted(counts, key=lambda word: -counts[word])[:WORDS])

"""What is read and shown of a picture while it is made, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.page.served import Served
from underpainting.page.wire import colours, defined, levels
from underpainting.probes import Scorer
from underpainting.vocabulary import Place

Tell = Callable[[str, dict[str, Any]], None]
"""Tells an event of a kind; raises Cancelled where nobody wants it any longer."""


class Onlooker:
    """Reads the one picture of a run at every step with all probes, tells it, and keeps its latents.

    film: latents before each step, and the predicted clean ones, by look [channel, h, w]. readings: by layer
    [property, token], one a step.
    """

    def __init__(self, served: Served, steps: int, tell: Tell) -> None:
        """steps: that are made in all."""
        self._served, self._steps, self._tell = served, steps, tell
        self.film: dict[str, list[Tensor]] = {"noisy": [], "clean": []}
        self.readings: dict[str, list[Tensor]] = {layer: [] for layer in served.layers}
        self.read_by: list[int] = []

    def look(self, record: StepRecord) -> None:
        """See one step."""
        served = self._served
        step = served.nearest_step(record, self._steps)
        self.read_by.append(step)
        for layer, kept in self.readings.items():
            x = record.activations[layer][served.branch]
            kept.append(served.probes[Place(layer, step, served.branch)].apply(x)[0].T.cpu())
        for look, latents in (("noisy", record.latents), ("clean", record.predicted_clean)):
            self.film[look].append(latents[0].clone())
        sent = {layer: levels(kept[-1]) for layer, kept in self.readings.items()}
        maps = {
            of.name: {layer: own[k] for layer, own in sent.items()} for k, of in enumerate(served.properties)
        }
        about: dict[str, Any] = {"step": record.step, "probe_step": step}
        about |= {"timestep": float(record.timestep), "sigma": defined(float(record.sigma))}
        shown = {look: colours(served.colourings[look](kept[-1])) for look, kept in self.film.items()}
        self._tell("step", {**about, **shown, "maps": maps})

    def scores(self, labels: dict[str, Tensor]) -> dict[str, dict[str, list[float | None]]]:
        """Main score of every reading [step] with labels [picture, height, width], by property and layer."""
        served = self._served
        scorer = Scorer(labels, served.properties)
        scores: dict[str, dict[str, list[float | None]]] = {of.name: {} for of in served.properties}
        for layer, kept in self.readings.items():
            read, grid = torch.stack(kept, dim=1), served.painter.grids[layer]
            for k, of in enumerate(served.properties):
                cuts = served.thresholds[of.name][layer] if of.binary else []
                own = torch.tensor([cuts[step - 1] for step in self.read_by]) if cuts else None
                found = scorer.scores(of.name, read[k][None], grid, threshold=own, parts=False)
                scores[of.name][layer] = [defined(value) for value in found[of.main_metric][0].tolist()]
        return scores

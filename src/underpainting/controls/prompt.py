"""Maps predicted from the prompt alone: how much of a picture's layout does its text decide?"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.controls.registry import (
    DASH_DOT,
    Control,
    FinishedPicture,
    FitPictures,
    Line,
    Maps,
    Source,
    register,
)
from underpainting.errors import UnderpaintingError
from underpainting.probes import Patches, best_threshold, cell_means
from underpainting.readers import read_tensors
from underpainting.vocabulary import Property

FINEST = 32
"""Rows and columns of the predicted maps, at most."""

STRENGTHS = torch.logspace(-4, 4, 17, dtype=torch.float64)
"""Of the ridge penalty, relative to the mean squared length of a centred embedding."""

FILE = "prompt.safetensors"


class PromptControl(Control):
    """Ridge regression from a prompt's embedding to maps, one of each property, the same at every step."""

    key = "prompt"
    cost = "the prompts are encoded once more"
    reads_prompts = True
    sources = (
        Source(
            "prompt",
            "prompt alone",
            "a map predicted from the prompt alone",
            Line(dashes=DASH_DOT),
            panel="none",
            has_layer=False,
            has_step=False,
            is_rival=False,
            explains="prompt",
        ),
    )

    def __init__(self, learnt: dict[str, Tensor] | None = None) -> None:
        """learnt: what `train` kept."""
        self._learnt = learnt

    def train(self, pictures: FitPictures, folder: Path) -> None:
        """Fit on the means of each prompt's maps; its strength is the best when a prompt is left out."""
        assert pictures.prompts is not None
        height, width = next(iter(pictures.labels.values())).shape[-2:]
        grid = (min(FINEST, height), min(FINEST, width))
        known, member = torch.unique(pictures.prompts, dim=0, return_inverse=True)
        if len(known) < 3:
            raise UnderpaintingError("control prompt needs at least 3 different fit prompts: leave it out")
        learnt = {"grid": torch.tensor(grid), "known": known}
        for of in pictures.properties:
            maps = cell_means(pictures.labels[of.name], grid).double()
            total = torch.zeros(len(known), maps.shape[1], dtype=torch.float64).index_add(0, member, maps)
            mean, dual, left_out = fit_maps(known, total / member.bincount()[:, None])
            if of.binary:  # its map says object where it is above 0
                labels = Patches.of(pictures.labels[of.name], grid)
                mean = mean - best_threshold(left_out[member].float(), labels)[0]
            learnt |= {f"{of.name}/mean": mean.float(), f"{of.name}/dual": dual.float()}
        save_file(learnt, folder / FILE)

    def opened(self, folder: Path) -> PromptControl:
        """With what was learnt, from that folder."""
        return PromptControl(read_tensors(folder / FILE, "control of the prompt", "run the study"))

    def maps(self, picture: FinishedPicture) -> dict[str, Maps]:
        """One map of each property."""
        assert self._learnt is not None and picture.prompt is not None
        rows, columns = self._learnt["grid"].tolist()
        known = self._learnt["known"]
        middle = known.mean(0)
        near = (known - middle) @ (picture.prompt - middle)

        def read(of: Property) -> Tensor:
            assert self._learnt is not None
            told = self._learnt[f"{of.name}/mean"] + near @ self._learnt[f"{of.name}/dual"]
            return told.reshape(1, rows, columns)

        return {"prompt": {of.name: read(of) for of in picture.properties}}


def fit_maps(embeddings: Tensor, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ridge regression of maps [prompt, cell] on embeddings [prompt, number], in its dual form.

    Gives the mean map [cell], weights of the prompts [prompt, cell], so that a new prompt's map is the mean
    plus its centred embedding's products with the known ones times them, and the maps [prompt, cell] that
    each prompt gets when it is left out (exact: Allen 1974, PRESS). The strength is the one with the least
    squared error of these.
    """
    x = (embeddings - embeddings.mean(0)).double()
    mean = maps.mean(0)
    y = maps - mean
    values, vectors = torch.linalg.eigh(x @ x.T)
    values = values.clamp(min=0)
    turned = vectors.T @ y
    best: tuple[float, Tensor, Tensor] | None = None
    for strength in STRENGTHS * values.mean().clamp(min=1e-12):
        shrunk = 1 / (values + strength)
        fitted = vectors @ ((values * shrunk)[:, None] * turned)
        leverage = (vectors.square() * (values * shrunk)).sum(1) + 1 / len(x)
        left_out = maps - (y - fitted) / (1 - leverage).clamp(min=1e-9)[:, None]
        error = float((left_out - maps).square().mean())
        if best is None or error < best[0]:
            best = error, vectors @ (shrunk[:, None] * turned), left_out
    assert best is not None
    return mean, best[1], best[2]


register(PromptControl())

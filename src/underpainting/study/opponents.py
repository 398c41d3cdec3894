"""Estimators that look at the picture of each step: opponents that the probes are held against."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa
import torch
from torch import Tensor

from underpainting.controls import position_map
from underpainting.errors import UnsoundPictures
from underpainting.observers.estimators import Estimator
from underpainting.probes import (
    Patches,
    TokenMeans,
    average_precision,
    cell_means,
    dice,
    enlarge,
    pearson,
    pixel_ranks,
    rmse,
    spearman,
)
from underpainting.study.film import LOOKS
from underpainting.study.labels import label_pictures
from underpainting.study.places import Grid, Places, finest
from underpainting.study.prompts import PromptRow
from underpainting.study.rows import opponent_rows
from underpainting.study.scoring import OBJECT, Scores

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Of red, green and blue, on display values (ITU-R BT.709)."""


Looks = dict[str, dict[str, Tensor]]
"""An estimator's maps [step, height, width] by look and property."""


def look_at_steps(frames: Mapping[str, Tensor], estimator: Estimator, places: Places) -> Looks:
    """What the estimator sees in every step's picture of one image; a look at which it fails is left out.

    frames: by look, uint8 [step, height, width, 3]; what is decoded is rounded as the final picture is.
    """
    seen: Looks = {}
    for look in LOOKS:
        pictures = frames[look].permute(0, 3, 1, 2).float() / 255
        with suppress(UnsoundPictures):
            seen[look] = label_pictures(estimator, pictures, places.properties)
    return seen


def estimator_rows(
    seen: Looks,
    row: PromptRow,
    labels: Mapping[str, Tensor],
    places: Places,
    positions: Mapping[Grid, TokenMeans],
) -> pa.Table:
    """Rows `estimator:noisy`, `:scaled`, `:clean` of one picture with labels [height, width] by property."""
    scores = {f"estimator:{look}": map_scores(maps, labels, places, positions) for look, maps in seen.items()}
    return opponent_rows(scores, range(1, places.steps + 1), row)


def luminance_rows(
    picture: Tensor,
    row: PromptRow,
    labels: Mapping[str, Tensor],
    places: Places,
    positions: Mapping[Grid, TokenMeans],
) -> pa.Table:
    """Rows `luminance` of a final picture, uint8 [height, width, 3]: what light and dark say of shading."""
    light = (picture.float() / 255 @ torch.tensor(LUMINANCE))[None]
    maps = {found.name: light for found in places.properties if found.name == "shading"}
    return opponent_rows({"luminance": map_scores(maps, labels, places, positions)}, [0], row)


def network_rows(
    maps: Mapping[str, Tensor],
    row: PromptRow,
    labels: Mapping[str, Tensor],
    places: Places,
    positions: Mapping[Grid, TokenMeans],
) -> pa.Table:
    """Rows `network:noisy`, `network:clean` of a picture's maps [step, property, h, w] by kind of latents."""
    scores: dict[str, Scores] = {}
    for kind, of in maps.items():
        named = {found.name: of[:, k] for k, found in enumerate(places.properties)}
        scores[f"network:{kind}"] = map_scores(named, labels, places, positions, threshold=0.5)
    return opponent_rows(scores, range(1, places.steps + 1), row)


def map_scores(
    maps: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    places: Places,
    positions: Mapping[Grid, TokenMeans],
    threshold: float = 0,
) -> Scores:
    """Scores [step] of maps [step, row, column] of any grid against labels [height, width].

    With the position mean taken out, it is the labels' on the finest probed grid, from map and label alike. A
    binary property is where its map is above the threshold.
    """
    scores: Scores = {}
    fine = finest(positions)
    for k, found in enumerate(places.properties):
        if found.name not in maps:
            continue
        label, grid = labels[found.name], (maps[found.name].shape[-2], maps[found.name].shape[-1])
        read = maps[found.name].flatten(1)

        def patches(of: Tensor, mask: Tensor | None = None, grid: Grid = grid) -> Patches:
            return Patches.of(of, grid, pixel_ranks(of, mask), mask)

        whole = patches(label)
        if found.binary:
            scores[f"{found.name}/dice"] = dice(read > threshold, whole)
            scores[f"{found.name}/average_precision"] = average_precision(read, whole)
            continue
        position = enlarge(position_map(positions[fine])[k], fine, (label.shape[-2], label.shape[-1]))
        rest, without = read - cell_means(position, grid), patches(label - position)
        scores |= {
            f"{found.name}/spearman": spearman(read, whole),
            f"{found.name}/pearson": pearson(read, whole),
            f"{found.name}/rmse": rmse(read, whole),
            f"{found.name}/spearman_centred": spearman(rest, without),
            f"{found.name}/pearson_centred": pearson(rest, without),
        }
        if OBJECT in labels:
            inside = labels[OBJECT] > 0
            for part, mask in (("object", inside), ("background", ~inside)):
                scores[f"{found.name}/spearman_{part}"] = spearman(read, patches(label, mask))
    return scores

"""Scores of a batch's readings, of position alone and of the grid's ceiling, as arrays."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from underpainting.controls import position_map, shuffled, without_position
from underpainting.probes import (
    Patches,
    TokenMeans,
    average_precision,
    ceiling,
    dice,
    pearson,
    pixel_ranks,
    rmse,
    spearman,
)
from underpainting.study.places import Grid, Places, Property

Scores = dict[str, Tensor]
"""By `property/metric`: [picture, layer, step, branch, strength, source] (a curve has thresholds last)."""

THRESHOLDS = torch.arange(-16, 145, dtype=torch.float64) / 128
"""Candidate thresholds of a binary property's reading; exact in float32."""

CENTRED = {"spearman_centred": spearman, "pearson_centred": pearson}

OBJECT = "saliency"
"""The binary property whose label parts a picture in object and background."""


def dice_curve(scores: Tensor, patches: Patches) -> Tensor:
    """Dice of the masks `scores > threshold` for every candidate threshold: [..., token] to [..., threshold].

    Each token is counted once, under the number of thresholds below it; sums from above give every mask's
    overlap.
    """
    below = torch.searchsorted(THRESHOLDS, scores.double().contiguous())
    shape = (*scores.shape[:-1], len(THRESHOLDS) + 1)
    area, hits = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    area.scatter_add_(-1, below, patches.count.expand(scores.shape).contiguous())
    hits.scatter_add_(-1, below, patches.total.expand(scores.shape).contiguous())
    covered, overlap = (part.flip(-1).cumsum(-1).flip(-1)[..., 1:] for part in (area, hits))
    size = patches.total.sum(-1, keepdim=True)
    return torch.where(size > 0, 2 * overlap / (covered + size), torch.nan)


def label_patches(
    labels: Mapping[str, Tensor], places: Places, extra: int
) -> dict[tuple[str, Grid], Patches]:
    """Patches of labels [picture, ..., height, width] on every grid, with `extra` dimensions of 1 after the
    picture's.
    """
    patches = {}
    for found in places.properties:
        label = _spread(labels[found.name], extra)
        ranks = None if found.binary else pixel_ranks(label)
        for grid in places.grids:
            patches[found.name, grid] = Patches.of(label, grid, ranks)
    return patches


def own_labels(labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Labels [picture, source, height, width]: shuffled probes are judged by shuffled labels.

    That is a control task as Hewitt and Liang (2019) define it: how well does a probe do where there is
    nothing to know? Judged by true labels, shuffled probes find the object after all, as whatever marks it
    also says that a token is likely near the middle. A picture alone in its batch has only its own labels.
    """
    return {
        name: torch.stack([label, shuffled(label) if len(label) > 1 else label], dim=1)
        for name, label in labels.items()
    }


def calibrate_scores(maps: Mapping[str, Tensor], labels: Mapping[str, Tensor], places: Places) -> Scores:
    """Scores of readings at every strength; Dice of a binary property at every threshold is its `curve`.

    Each source is judged by its own labels, see `own_labels`.
    """
    patches = label_patches(own_labels(labels), places, 3)
    scores: Scores = {}
    for k, found in enumerate(places.properties):
        by_layer: dict[str, list[Tensor]] = {}
        for layer in places.layers:
            of, read = patches[found.name, layer.grid], maps[layer.name][:, k]
            if found.binary:
                by_layer.setdefault("average_precision", []).append(average_precision(read, of))
                by_layer.setdefault("curve", []).append(dice_curve(read, of).float())
            else:
                for metric, value in _raw(read, of).items():
                    by_layer.setdefault(metric, []).append(value)
        scores |= {
            f"{found.name}/{metric}": torch.stack(values, dim=1) for metric, values in by_layer.items()
        }
    return scores


def test_scores(
    maps: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    places: Places,
    thresholds: Mapping[str, Tensor],
    mean_readings: Mapping[str, Tensor],
    positions: Mapping[Grid, TokenMeans],
) -> Scores:
    """Scores of readings by the chosen probes; continuous properties also with each token's mean taken out.

    Each source is judged by its own labels, see `own_labels`.
    thresholds: by binary property [layer, step, branch, source]. mean_readings: by layer, as one picture's
    readings.
    """
    own = own_labels(labels)
    patches, parts = label_patches(own, places, 3), part_patches(own, places, 3)
    scores: Scores = {}
    for k, found in enumerate(places.properties):
        centred = {} if found.binary else _centred_patches(own[found.name], k, positions, 3)
        by_layer: dict[str, list[Tensor]] = {}
        for i, layer in enumerate(places.layers):
            of, read = patches[found.name, layer.grid], maps[layer.name][:, k]
            if found.binary:
                cut = thresholds[found.name][i][:, :, None, :, None]
                values = {"dice": dice(read > cut, of), "average_precision": average_precision(read, of)}
            else:
                rest = read - mean_readings[layer.name][k]
                values = _raw(read, of) | {name: f(rest, centred[layer.grid]) for name, f in CENTRED.items()}
                values |= _in_parts(read, parts, found, layer.grid)
            for metric, value in values.items():
                by_layer.setdefault(metric, []).append(value)
        scores |= {
            f"{found.name}/{metric}": torch.stack(values, dim=1) for metric, values in by_layer.items()
        }
    return scores


def position_scores(
    labels: Mapping[str, Tensor],
    places: Places,
    positions: Mapping[Grid, TokenMeans],
    thresholds: Mapping[str, Tensor] | None = None,
) -> Scores:
    """Scores [picture, layer] of position alone; without thresholds [layer], Dice is a `curve`."""
    patches, parts = label_patches(labels, places, 0), part_patches(labels, places, 0)
    scores: Scores = {}
    for k, found in enumerate(places.properties):
        by_layer: dict[str, list[Tensor]] = {}
        for i, layer in enumerate(places.layers):
            of = patches[found.name, layer.grid]
            read = position_map(positions[layer.grid])[k].expand(len(labels[found.name]), -1)
            if not found.binary:
                values = _raw(read, of) | _in_parts(read, parts, found, layer.grid)
            elif thresholds is None:
                values = {
                    "average_precision": average_precision(read, of),
                    "curve": dice_curve(read, of).float(),
                }
            else:
                values = {
                    "dice": dice(read > thresholds[found.name][i], of),
                    "average_precision": average_precision(read, of),
                }
            for metric, value in values.items():
                by_layer.setdefault(metric, []).append(value)
        scores |= {
            f"{found.name}/{metric}": torch.stack(values, dim=1) for metric, values in by_layer.items()
        }
    return scores


def ceiling_scores(
    labels: Mapping[str, Tensor], places: Places, positions: Mapping[Grid, TokenMeans]
) -> Scores:
    """Scores [picture, layer] of the best map each layer's grid could give."""
    patches, parts = label_patches(labels, places, 0), part_patches(labels, places, 0)
    scores: Scores = {}
    for k, found in enumerate(places.properties):
        of_grid = {grid: ceiling(patches[found.name, grid], found.metrics) for grid in places.grids}
        if not found.binary:
            for grid, of in _centred_patches(labels[found.name], k, positions, 0).items():
                best = ceiling(of, ("spearman", "pearson"))
                of_grid[grid] |= {f"{metric}_centred": value for metric, value in best.items()}
            for (name, part, grid), of in parts.items():
                if name == found.name:
                    of_grid[grid][f"spearman_{part}"] = ceiling(of, ("spearman",))["spearman"]
        for metric in of_grid[places.grids[0]]:
            values = [of_grid[layer.grid][metric] for layer in places.layers]
            scores[f"{found.name}/{metric}"] = torch.stack(values, dim=1)
    return scores


def part_patches(
    labels: Mapping[str, Tensor], places: Places, extra: int
) -> dict[tuple[str, str, Grid], Patches]:
    """As `label_patches`, of continuous properties on the object's pixels alone, and on all others."""
    if not any(found.name == OBJECT and found.binary for found in places.properties):
        return {}
    patches = {}
    inside = _spread(labels[OBJECT] > 0, extra)
    for found in places.properties:
        for part, mask in (("object", inside), ("background", ~inside)) if not found.binary else ():
            label = _spread(labels[found.name], extra)
            ranks = pixel_ranks(label, mask)
            for grid in places.grids:
                patches[found.name, part, grid] = Patches.of(label, grid, ranks, mask)
    return patches


def _in_parts(
    read: Tensor, parts: Mapping[tuple[str, str, Grid], Patches], found: Property, grid: Grid
) -> dict[str, Tensor]:
    return {
        f"spearman_{part}": spearman(read, of)
        for (name, part, at), of in parts.items()
        if (name, at) == (found.name, grid)
    }


def _raw(read: Tensor, of: Patches) -> dict[str, Tensor]:
    return {"spearman": spearman(read, of), "pearson": pearson(read, of), "rmse": rmse(read, of)}


def _centred_patches(
    label: Tensor, k: int, positions: Mapping[Grid, TokenMeans], extra: int
) -> dict[Grid, Patches]:
    patches = {}
    for grid, means in positions.items():
        rest = _spread(without_position(label, position_map(means)[k], grid), extra)
        patches[grid] = Patches.of(rest, grid, pixel_ranks(rest))
    return patches


def _spread(label: Tensor, extra: int) -> Tensor:
    return label.reshape(len(label), *(1,) * extra, *label.shape[1:])


def chosen_metric(found: Property) -> str:
    """Score that best layers are chosen by."""
    return "dice" if found.binary else "spearman"

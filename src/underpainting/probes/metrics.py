"""Scores of token maps against a full-size label, exact without enlarging.

Every function takes finite predictions [..., token] and the label's Patches. Leading dimensions broadcast:
many steps, layers of one grid and strengths against one picture ([S, token] and Patches of [H, W]), or
pictures against their own labels ([B, token] and Patches of [B, H, W]). Results are float64 [...], and equal
the usual metric on maps enlarged to the label's size by nearest interpolation. A score that does not exist
(constant prediction or label, empty mask) is nan.

For a score with the position mean taken out, give Patches of `label - enlarge(token means)` and
predictions minus their token means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.patches import Patches, constant_among, sort_tokens, tie_ends
from underpainting.vocabulary import BINARY, CONTINUOUS


def dice(mask: Tensor, patches: Patches) -> Tensor:
    """Dice overlap, 0..1, of boolean token masks with a 0/1 label; nan where the label is empty."""
    size = patches.total.sum(-1)
    overlap = (mask * patches.total).sum(-1)
    return torch.where(size > 0, 2 * overlap / ((mask * patches.count).sum(-1) + size), torch.nan)


def average_precision(scores: Tensor, patches: Patches) -> Tensor:
    """Average precision, 0..1, of scores for a 0/1 label, as scikit-learn; nan where the label is empty."""
    ordered, order = sort_tokens(scores, descending=True)
    hits = _reorder(patches.total, order)
    precision = hits.cumsum(-1) / _reorder(patches.count, order).cumsum(-1)
    _, last = tie_ends(ordered)
    size = patches.total.sum(-1)
    return torch.where(size > 0, (hits * precision.gather(-1, last)).sum(-1) / size, torch.nan)


def pearson(prediction: Tensor, patches: Patches) -> Tensor:
    """Linear correlation over pixels, -1..1; nan where prediction or label is constant."""
    if patches.count.ndim == 1:
        constant = (prediction == prediction[..., :1]).all(-1, keepdim=True)
    else:
        constant = constant_among(prediction, patches.count > 0)[..., None]
    prediction = prediction.double()
    mean = (prediction * patches.count).sum(-1, keepdim=True) / patches.count.sum(-1, keepdim=True)
    deviation = (prediction - mean).masked_fill(constant, 0)
    return _correlation(deviation, patches.count, patches.total, patches.scatter)


def spearman(prediction: Tensor, patches: Patches) -> Tensor:
    """Rank correlation over pixels with average ranks for ties, -1..1; nan where either is constant.

    Raises UnderpaintingError where the patches were made without ranks.
    """
    if patches.rank_total is None or patches.rank_scatter is None:
        raise UnderpaintingError("Spearman needs pixel ranks; make the patches with ranks=pixel_ranks(label)")
    if patches.count.ndim > 1:
        prediction, _ = torch.broadcast_tensors(prediction, patches.count)  # type: ignore[no-untyped-call]
    ordered, order = sort_tokens(prediction)
    count = _reorder(patches.count, order)
    upto = count.cumsum(-1)
    first, last = tie_ends(ordered)
    ranks = ((upto - count).gather(-1, first) + upto.gather(-1, last) + 1) / 2
    deviation = ranks - (upto[..., -1:] + 1) / 2
    return _correlation(deviation, count, _reorder(patches.rank_total, order), patches.rank_scatter)


def rmse(prediction: Tensor, patches: Patches) -> Tensor:
    """Root mean square error over pixels, in the label's units."""
    means = patches.total / patches.count.clamp(min=1)
    pixels = patches.count.sum(-1)
    middle = patches.total.sum(-1, keepdim=True) / pixels[..., None]
    within = patches.scatter - (patches.count * (means - middle).square()).sum(-1)
    between = (patches.count * (prediction - means).square()).sum(-1)
    return ((between + within.clamp(min=0)) / pixels).sqrt()


def score(
    prediction: Tensor, patches: Patches, metrics: Sequence[str], threshold: float | Tensor | None = None
) -> dict[str, Tensor]:
    """Several metrics by name; "dice" is of prediction > threshold (a number, or [...] like the scores)."""
    results = {}
    for name in metrics:
        if name == "dice":
            if threshold is None:
                raise UnderpaintingError("Dice needs a mask; give a threshold (best_threshold finds one)")
            limit = torch.as_tensor(threshold, dtype=torch.float64, device=prediction.device)
            results[name] = dice(prediction > limit[..., None], patches)
        else:
            results[name] = _OF_SCORES[_known(name)](prediction, patches)
    return results


def ceiling(patches: Patches, metrics: Sequence[str]) -> dict[str, Tensor]:
    """Best score that any token map of this grid could give, by metric name: [...] as the patches' pictures.

    dice: the best set of tokens, which is a prefix of the tokens sorted by share. pearson, rmse: patch means.
    average_precision: tokens in order of share, ties broken. spearman: mean ranks as prediction. The last two
    are exact for cells of one size, spearman among maps without ties.
    """
    means = patches.total / patches.count.clamp(min=1)
    results = {}
    for name in metrics:
        if name == "dice":
            order = means.argsort(dim=-1, descending=True)
            size = patches.total.sum(-1, keepdim=True)
            covered = _reorder(patches.count, order).cumsum(-1) + size
            overlap = 2 * _reorder(patches.total, order).cumsum(-1) / covered
            results[name] = torch.where(size[..., 0] > 0, overlap.amax(-1), torch.nan)
        elif name == "average_precision":
            results[name] = average_precision(means.argsort(dim=-1).argsort(dim=-1), patches)
        elif name == "spearman" and patches.rank_total is not None:
            results[name] = spearman(patches.rank_total / patches.count.clamp(min=1), patches)
        elif name == "pearson":  # 0 of every map but constant ones, where all patches have the same mean
            varied = (patches.scatter > 0) & ((patches.count > 0).sum(-1) > 1)
            best = pearson(means, patches)
            results[name] = best.masked_fill(best.isnan() & varied, 0)
        else:
            results[name] = _OF_SCORES[_known(name)](means, patches)
    return results


def best_threshold(scores: Tensor, patches: Patches) -> tuple[Tensor, Tensor]:
    """Threshold that maximises the mean Dice over pictures, exact over all thresholds, and that mean Dice.

    scores [picture, ..., token] against Patches of [picture, H, W]; the mask is scores > threshold. Both
    results are float64 [...]. Pictures with an empty label do not count. Raises UnderpaintingError where all
    are empty.
    """
    size = patches.total.sum(-1)
    if not bool((size > 0).any()):
        raise UnderpaintingError("no picture has a non-empty mask; a threshold needs at least one")
    kept = size > 0
    ordered, order = sort_tokens(scores[kept].movedim(0, -2), descending=True)  # [..., picture, token]
    hits = _reorder(patches.total[kept], order).cumsum(-1)
    # Dice of each picture's k highest tokens; as the threshold falls past a token, its picture gains a step.
    reached = 2 * hits / (_reorder(patches.count, order).cumsum(-1) + size[kept, None])
    gains = reached.diff(dim=-1, prepend=torch.zeros_like(reached[..., :1]))
    pooled, order = sort_tokens(ordered.flatten(-2), descending=True)
    mean = gains.flatten(-2).gather(-1, order).cumsum(-1) / int(kept.sum())
    pooled = pooled.double()
    below = torch.cat([pooled[..., 1:], pooled[..., -1:] - 1], -1)
    best = torch.where(pooled > below, mean, -1).max(dim=-1, keepdim=True)
    threshold = (pooled.gather(-1, best.indices) + below.gather(-1, best.indices)) / 2
    return threshold[..., 0], best.values[..., 0]


_OF_SCORES: dict[str, Callable[[Tensor, Patches], Tensor]] = {
    "average_precision": average_precision,
    "spearman": spearman,
    "pearson": pearson,
    "rmse": rmse,
}


def _known(name: str) -> str:
    if name not in _OF_SCORES:
        raise UnderpaintingError(f"unknown metric {name!r}; choose from {', '.join(BINARY + CONTINUOUS)}")
    return name


def _reorder(values: Tensor, order: Tensor) -> Tensor:
    """Take values [..., token] in the order [..., token] of a sort, leading dimensions broadcast."""
    return values.expand(order.shape).gather(-1, order)


def _correlation(deviation: Tensor, count: Tensor, total: Tensor, scatter: Tensor) -> Tensor:
    """Correlation over pixels of a token map's deviations from its mean with a label of these totals."""
    middle = total.sum(-1, keepdim=True) / count.sum(-1, keepdim=True)
    together = (deviation * (total - count * middle)).sum(-1)
    scale = ((count * deviation.square()).sum(-1) * scatter).sqrt()
    return torch.where(scale > 0, together / scale, torch.nan)

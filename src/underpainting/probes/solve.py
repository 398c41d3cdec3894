"""From moments to linear probes: ridge regression at several strengths at once, linear discriminant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.moments import Moments


@dataclass(frozen=True)
class Solution:
    """Linear maps, one a strength: weight [strength, channel, target], bias [strength, target], float64."""

    strengths: tuple[float, ...]
    weight: Tensor
    bias: Tensor


def ridge(moments: Moments, strengths: Sequence[float]) -> Solution:
    """Least squares with a ridge penalty, for all strengths from one eigendecomposition.

    Minimises mean |y - xw - b|^2 + alpha v |w|^2, v the mean variance of the channels and b not penalised: a
    strength alpha is relative, without units, at least 0 (0: the least-squares solution of least norm).
    Raises UnderpaintingError on moments without tokens or with non-finite sums. Hoerl and Kennard 1970.
    """
    _check(moments)
    if not strengths or min(strengths) < 0:
        raise UnderpaintingError(
            f"ridge strengths are one or more numbers, none negative; got {list(strengths)}"
        )
    values, vectors = torch.linalg.eigh(moments.sxx)
    values = values.clamp(min=0)
    alpha = torch.tensor(list(strengths), dtype=values.dtype, device=values.device)
    shrunk = (
        values + alpha[:, None] * values.mean()
    )  # [strength, channel]; mean eigenvalue = trace / channels
    floor = values[-1] * values.numel() * torch.finfo(values.dtype).eps
    inverse = torch.where(shrunk > floor, 1 / shrunk, 0)
    weight = vectors @ (inverse[:, :, None] * (vectors.T @ moments.sxy))
    return Solution(tuple(strengths), weight, moments.mean_y - moments.mean_x @ weight)


def discriminant(moments: Moments, target: int = 0) -> Solution:
    """Two-class linear discriminant of a label in 0..1: a share of a token's pixels counts as many pixels.

    Returns a Solution of one strength (0) and one target whose reading is the log odds of the label under two
    normal classes with one covariance. Raises UnderpaintingError where one class is empty. Fisher 1936.
    """
    _check(moments)
    share = moments.mean_y[target]
    if not 0 < share < 1:
        raise UnderpaintingError(
            f"the discriminant needs a label in 0..1 with both classes, its mean is {float(share):g}; "
            "give pictures with object and background"
        )
    n, sxy = moments.n, moments.sxy[:, target]
    apart = sxy / (n * share * (1 - share))  # mean of class 1 minus mean of class 0
    within = moments.sxx / n - share * (1 - share) * torch.outer(apart, apart)
    weight = torch.linalg.pinv(within, hermitian=True) @ apart
    middle = moments.mean_x + (0.5 - share) * apart
    bias = torch.log(share / (1 - share)) - middle @ weight
    return Solution((0.0,), weight[None, :, None], bias[None, None])


def _check(moments: Moments) -> None:
    if moments.n == 0:
        raise UnderpaintingError("moments hold no tokens; update them with fit pictures first")
    if not (moments.sxx.isfinite().all() and moments.sxy.isfinite().all()):
        raise UnderpaintingError(
            "moments hold non-finite sums; look for overflow in the activations (float16?)"
        )

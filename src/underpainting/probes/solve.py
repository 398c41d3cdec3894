"""From moments to linear probes: ridge regression at several strengths at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from underpainting.errors import UnderpaintingError
from underpainting.probes.moments import Moments
from underpainting.probes.probe import Probe


def ridge(moments: Moments, strengths: Sequence[float]) -> Probe:
    """Least squares with a ridge penalty, for all strengths from one eigendecomposition.

    Gives a probe with outputs [strength, target], float64. Minimises mean |y - xw - b|^2 + alpha v |w|^2, v
    the mean variance of the channels and b not penalised: a strength alpha is relative, without units, at
    least 0 (0: the least-squares solution of least norm).
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
    bias = moments.mean_y - moments.mean_x @ weight
    return Probe(weight.transpose(0, 1), bias)


def _check(moments: Moments) -> None:
    if moments.n == 0:
        raise UnderpaintingError("moments hold no tokens; update them with fit pictures first")
    if not (moments.sxx.isfinite().all() and moments.sxy.isfinite().all()):
        raise UnderpaintingError(
            "moments hold non-finite sums; look for overflow in the activations (float16?)"
        )

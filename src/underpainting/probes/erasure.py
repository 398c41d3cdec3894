"""Taking what a linear probe could read out of activations, and as little else as possible."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.moments import Moments


@dataclass(frozen=True)
class Eraser:
    """An affine map of activations after which no linear map tells the erased labels better than their mean.

    read, write [channel, rank]: what is read of an activation's deviation from `mean` [channel], and what is
    taken away for it.
    """

    mean: Tensor
    read: Tensor
    write: Tensor

    def apply(self, x: Tensor) -> Tensor:
        """Activations [..., channel] without what is erased, in their own dtype and on their device."""
        mean, read, write = (part.to(x.device, torch.float32) for part in (self.mean, self.read, self.write))
        taken = (x.float() - mean) @ read @ write.T
        return (x.float() - taken).to(x.dtype)


def erasing(moments: Moments, together: Tensor) -> Eraser:
    """The least-squares closest eraser for labels of these moments with the activations.

    together [channel, target]: sums of products of deviations of activations and labels, such as columns of
    `moments.sxy`. x -> x - W+ P W (x - mean), with W the whitening of the activations and P the projection
    onto the columns of W times the covariance: LEACE (Belrose et al. 2023, arXiv 2306.03819, theorem 4.2).
    Raises UnderpaintingError on moments without tokens.
    """
    if moments.n == 0:
        raise UnderpaintingError("moments hold no tokens; update them with fit pictures first")
    values, vectors = torch.linalg.eigh(moments.sxx)
    kept = values > values[-1].clamp(min=0) * values.numel() * torch.finfo(values.dtype).eps
    roots = values[kept].sqrt()
    whitening = vectors[:, kept] / roots  # [channel, component]
    columns, sizes, _ = torch.linalg.svd(whitening.T @ together, full_matrices=False)
    columns = columns[:, sizes > sizes.max().clamp(min=0) * 1e-9] if sizes.numel() else columns
    return Eraser(moments.mean_x.clone(), whitening @ columns, (vectors[:, kept] * roots) @ columns)

"""Taking what a linear probe could read out of activations, and as little else as possible."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.moments import Moments, full_float32


@dataclass(frozen=True)
class Eraser:
    """An affine map of activations after which no linear map tells the erased labels better than their mean.

    read, write [channel, rank]: what is read of an activation's deviation from `mean` [channel], and what is
    taken away for it.
    """

    mean: Tensor
    read: Tensor
    write: Tensor

    def taken(self, x: Tensor) -> Tensor:
        """What is erased of activations [..., channel], float32 on their device; of rank 0, zeros."""
        mean, read, write = (part.to(x.device, torch.float32) for part in (self.mean, self.read, self.write))
        with full_float32(x.device):
            return (x.float() - mean) @ read @ write.T

    def apply(self, x: Tensor) -> Tensor:
        """Activations [..., channel] without what is erased, in their own dtype and on their device."""
        return (x.float() - self.taken(x)).to(x.dtype)


def erasing(moments: Moments, together: Tensor) -> Eraser:
    """The least-squares closest eraser for labels of these moments with the activations.

    together [channel, target]: sums of products of deviations of activations and labels, such as columns of
    `moments.sxy`. x -> x - W+ P W (x - mean), with W the whitening of the activations and P the projection
    onto the columns of W times the covariance: LEACE (Belrose et al. 2023, arXiv 2306.03819, theorem 4.2).
    As in its authors' package the activations' covariance is shrunk towards a multiple of the identity, by
    Bodnar, Gupta and Parolya (2014): what these labels are is erased all the same, and of activations that
    the moments have not seen no direction is taken that hardly varied. Raises UnderpaintingError on moments
    without tokens.
    """
    if moments.n == 0:
        raise UnderpaintingError("moments hold no tokens; update them with fit pictures first")
    values, vectors = torch.linalg.eigh(moments.sxx)
    values = shrunk(values.clamp(min=0), moments.n)
    kept = values > values.amax() * values.numel() * torch.finfo(values.dtype).eps
    roots = values[kept].sqrt()
    whitening = vectors[:, kept] / roots  # [channel, component]
    columns, sizes, _ = torch.linalg.svd(whitening.T @ together, full_matrices=False)
    columns = columns[:, sizes > sizes.max().clamp(min=0) * 1e-9] if sizes.numel() else columns
    return Eraser(moments.mean_x.clone(), whitening @ columns, (vectors[:, kept] * roots) @ columns)


def shrunk(values: Tensor, n: int) -> Tensor:
    """Eigenvalues [channel] of a covariance of n tokens, shrunk towards their mean.

    By as much as is asymptotically best in the Frobenius norm (Bodnar, Gupta and Parolya 2014, arXiv
    1308.2608); all the way where tokens are too few to tell them apart.
    """
    total = values.sum()
    spread = values.square().sum() - total.square() / values.numel()
    share = (total.square() / n / spread).nan_to_num(1).clamp(max=1)
    return (1 - share) * values + share * values.mean()

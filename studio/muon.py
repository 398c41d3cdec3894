"""Muon: momentum of matrices, orthogonalised (Jordan et al. 2024), and which weights are its matrices."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that lifts singular values towards one
ROUNDS = 5
SMALLEST = 16  # narrower matrices, such as a network's first and last convolution, are not orthogonalised


class Muon(torch.optim.Optimizer):
    """Steps whose singular values are all about one, as large as AdamW's (Liu et al. 2025), decoupled decay.

    Convolutions [out,in,height,width] count as matrices [out,in * height * width]. Parameters of one shape
    are a group and stepped at once.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        """Parameters of two or more dimensions."""
        shapes: dict[torch.Size, list[Tensor]] = {}
        for parameter in parameters:
            shapes.setdefault(parameter.shape, []).append(parameter)
        groups = [{"params": alike} for alike in shapes.values()]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step from the gradients that every parameter has."""
        for group in self.param_groups:
            alike, rate = group["params"], group["lr"]
            gradient = torch.stack([parameter.grad for parameter in alike])
            state = self.state[alike[0]]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(gradient)
            mean = state["momentum"].lerp_(gradient, 1 - group["momentum"])
            step = orthogonal(gradient.lerp(mean, group["momentum"]).flatten(2)).view_as(gradient)
            size = 0.2 * max(step[0].flatten(1).shape) ** 0.5
            torch._foreach_mul_(alike, 1 - rate * group["weight_decay"])
            torch._foreach_add_(alike, list(step.unbind()), alpha=-rate * size)


def orthogonal(matrices: Tensor) -> Tensor:
    """About the nearest orthogonal matrices [n,rows,columns]: the factor U Vᵀ of each one's singular values.

    By five rounds of a Newton-Schulz iteration, which leave singular values between 0.7 and 1.2; in bfloat16
    on CUDA, in float32 elsewhere.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x.bfloat16() if x.is_cuda else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    wide = (
        x.shape[2] >= 2 * x.shape[1] and not x.is_cuda
    )  # its small products would lose too much in bfloat16
    x = _by_gram(x) if wide else _by_rounds(x)
    return (x.mT if tall else x).to(matrices.dtype)


def _by_rounds(x: Tensor) -> Tensor:
    """Each round maps x to (a + b G + c G²) x, where G is x xᵀ."""
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _by_gram(x: Tensor) -> Tensor:
    """The same by products of the small G alone: a round's factor Q takes G to Q G Q."""
    a, b, c = COEFFICIENTS
    gram, one = x @ x.mT, torch.eye(x.shape[1], device=x.device, dtype=x.dtype)
    factors = one.expand_as(gram)
    for _ in range(ROUNDS):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c) + a * one
        factors, gram = factor @ factors, factor @ gram @ factor
    return factors @ x


def matrices(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The parameters that Muon steps, and others: vectors, embeddings, what is narrow. None is frozen."""
    embeddings = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    sides: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for parameter in filter(lambda p: p.requires_grad, module.parameters()):
        wide = parameter.ndim >= 2 and min(parameter.shape[:2]) >= SMALLEST
        sides[0 if wide and id(parameter) not in embeddings else 1].append(parameter)
    return sides

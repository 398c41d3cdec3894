"""Running sums that a linear probe is solved from: fixed in size, additive, centred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.readers import opened_tensors


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Keep products in true float32: no autocast, no TF32 or bfloat16 inside them."""
    cuda, cpu = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = cuda.fp32_precision, cpu.fp32_precision
    reduced = any(kind not in ("none", "ieee") for kind in before)
    if reduced:
        cuda.fp32_precision = cpu.fp32_precision = "ieee"
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        if reduced:
            cuda.fp32_precision, cpu.fp32_precision = before


class Moments:
    """Counts, means and centred second moments of activations x and labels y, over tokens.

    Products are taken in float32 inside a batch, after subtracting the running mean; totals are kept in
    float64 on `device`. Two halves merged equal the whole (Chan, Golub and LeVeque 1979).

    Attributes: n (tokens), mean_x [channel], mean_y [target], sxx [channel, channel], sxy [channel, target],
    syy [target, target]; the last three are sums of products of deviations, not divided by n.
    """

    def __init__(self, channels: int, targets: int, *, device: torch.device | str = "cpu") -> None:
        """Start with no tokens."""
        size = channels + targets
        self.channels, self.targets, self.n = channels, targets, 0
        self._mean = torch.zeros(size, dtype=torch.float64, device=device)
        self._second = torch.zeros(size, size, dtype=torch.float64, device=device)

    @property
    def mean_x(self) -> Tensor:
        """Mean activation [channel], float64."""
        return self._mean[: self.channels]

    @property
    def mean_y(self) -> Tensor:
        """Mean label [target], float64."""
        return self._mean[self.channels :]

    @property
    def sxx(self) -> Tensor:
        """Sum of products of activation deviations [channel, channel], float64."""
        return self._second[: self.channels, : self.channels]

    @property
    def sxy(self) -> Tensor:
        """Sum of products of activation and label deviations [channel, target], float64."""
        return self._second[: self.channels, self.channels :]

    @property
    def syy(self) -> Tensor:
        """Sum of products of label deviations [target, target], float64."""
        return self._second[self.channels :, self.channels :]

    def update(self, x: Tensor, y: Tensor) -> None:
        """Add a batch: x [..., channel] and y [..., target] with the same leading dimensions.

        Any floating dtype and device; computed in float32 on the device of x. Raises UnderpaintingError
        where the shapes do not fit.
        """
        if (
            x.shape[-1:] != (self.channels,)
            or y.shape[-1:] != (self.targets,)
            or x.shape[:-1] != y.shape[:-1]
        ):
            raise UnderpaintingError(
                f"moments take x [..., {self.channels}] and y [..., {self.targets}] over the same tokens, "
                f"got {tuple(x.shape)} and {tuple(y.shape)}; give labels at the layer's grid"
            )
        n = y[..., 0].numel()
        if n == 0:
            return
        with full_float32(x.device):
            x = x.detach().reshape(n, self.channels)
            y = y.detach().reshape(n, self.targets).to(x.device, torch.float32)
            first = torch.cat([x.float().mean(0), y.mean(0)]) if self.n == 0 else self._mean
            shift = first.to(x.device, torch.float32)
            joint = torch.empty(n, self.channels + self.targets, dtype=torch.float32, device=x.device)
            torch.sub(x, shift[: self.channels], out=joint[:, : self.channels])
            torch.sub(y, shift[self.channels :], out=joint[:, self.channels :])
            sums, products = joint.sum(0), joint.T @ joint
        device = self._mean.device
        offset = sums.to(device).double() / n
        second = products.to(device).double().addr_(offset, offset, alpha=-n)
        self._fold(n, offset + shift.to(device).double(), second)

    def merge(self, other: Moments) -> None:
        """Add the tokens that another Moments of the same size has seen."""
        if (other.channels, other.targets) != (self.channels, self.targets):
            raise UnderpaintingError(
                f"moments of {other.channels} channels and {other.targets} targets cannot be merged into "
                f"{self.channels} and {self.targets}; merge the same layer and properties only"
            )
        if other.n:
            device = self._mean.device
            self._fold(other.n, other._mean.to(device), other._second.to(device))

    def _fold(self, n: int, mean: Tensor, second: Tensor) -> None:
        total = self.n + n
        delta = mean - self._mean
        self._second.add_(second).addr_(delta, delta, alpha=self.n * n / total)
        self._mean.add_(delta, alpha=n / total)
        self.n = total

    def state(self) -> dict[str, Tensor]:
        """All sums as CPU tensors: n (int64), mean_x, mean_y, sxx, sxy, syy (float64)."""
        parts = {name: getattr(self, name) for name in ("mean_x", "mean_y", "sxx", "sxy", "syy")}
        return {"n": torch.tensor(self.n), **{name: part.cpu().contiguous() for name, part in parts.items()}}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], *, device: torch.device | str = "cpu") -> Moments:
        """Rebuild from `state()`. Raises ValueError where shapes do not fit one another."""
        channels, targets = len(state["mean_x"]), len(state["mean_y"])
        parts = {"sxx": (channels, channels), "sxy": (channels, targets), "syy": (targets, targets)}
        for name, shape in parts.items():  # before memory is taken for them
            if state[name].shape != shape:
                raise ValueError(f"{name} is {tuple(state[name].shape)}, not {shape}")
        moments = cls(channels, targets, device=device)
        moments.n = int(state["n"])
        moments._mean.copy_(torch.cat([state["mean_x"], state["mean_y"]]))
        upper = torch.cat([state["sxx"], state["sxy"]], dim=1)
        lower = torch.cat([state["sxy"].T, state["syy"]], dim=1)
        moments._second.copy_(torch.cat([upper, lower]))
        return moments


class TokenMeans:
    """Running mean of each token over pictures: what position alone explains.

    Attributes: n (pictures), mean [token, channel] float64 (a channel may be a property of labels).
    """

    def __init__(self, tokens: int, channels: int, *, device: torch.device | str = "cpu") -> None:
        """Start with no pictures."""
        self.n = 0
        self.mean = torch.zeros(tokens, channels, dtype=torch.float64, device=device)

    def update(self, x: Tensor) -> None:
        """Add a batch x [picture, token, channel] of any floating dtype and device."""
        if x.ndim != 3 or x.shape[1:] != self.mean.shape:
            raise UnderpaintingError(
                f"token means take [picture, *{tuple(self.mean.shape)}], got {tuple(x.shape)}; "
                "use one TokenMeans a grid"
            )
        if len(x):
            total = x.detach().float().sum(0).to(self.mean.device).double()
            self._fold(len(x), total / len(x))

    def merge(self, other: TokenMeans) -> None:
        """Add the pictures that another TokenMeans of the same size has seen."""
        if other.mean.shape != self.mean.shape:
            raise UnderpaintingError(
                f"token means {tuple(other.mean.shape)} cannot be merged into {tuple(self.mean.shape)}; "
                "merge the same grid only"
            )
        if other.n:
            self._fold(other.n, other.mean.to(self.mean.device))

    def _fold(self, n: int, mean: Tensor) -> None:
        self.n += n
        self.mean.add_(mean - self.mean, alpha=n / self.n)

    def state(self) -> dict[str, Tensor]:
        """All sums as CPU tensors: n (int64), mean (float64)."""
        return {"n": torch.tensor(self.n), "mean": self.mean.cpu().contiguous()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], *, device: torch.device | str = "cpu") -> TokenMeans:
        """Rebuild from `state()`."""
        means = cls(*state["mean"].shape, device=device)
        means.n = int(state["n"])
        means.mean.copy_(state["mean"])
        return means


Sums = Moments | TokenMeans


def save_sums(path: Path, sums: Mapping[str, Sums], metadata: Mapping[str, str] | None = None) -> None:
    """Write named Moments and TokenMeans, mixed at will, as one safetensors file.

    Tensors are named `{name}/{field}`. `metadata` goes in the file's header (say, the last shard folded in).
    Not atomic by itself: give it a temporary path (`records.atomic.replacing`, `atomic_folder`).
    """
    tensors = {f"{name}/{field}": part for name, s in sums.items() for field, part in s.state().items()}
    save_file(tensors, path, metadata=dict(metadata or {}))


def load_sums(path: Path, *, device: torch.device | str = "cpu") -> tuple[dict[str, Sums], dict[str, str]]:
    """Read what `save_sums` wrote: the sums by name, and the metadata.

    Raises UnderpaintingError where the file is missing or is no such file.
    """
    states: dict[str, dict[str, Tensor]] = {}
    with opened_tensors(path, "file of moments", "run the study again") as file:
        metadata = dict(file.metadata() or {})
        for key in file.keys():  # noqa: SIM118 (a safetensors file is no mapping)
            name, _, field = key.rpartition("/")
            states.setdefault(name, {})[field] = file.get_tensor(key)
        sums = {
            name: (TokenMeans if "mean" in state else Moments).from_state(state, device=device)
            for name, state in states.items()
        }
    return sums, metadata


def moments_bytes(channels: int, targets: int) -> int:
    """Bytes that one Moments holds in memory and, to within a header, on disk (float64)."""
    return 8 * (channels + targets) * (channels + targets + 1)

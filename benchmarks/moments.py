"""How near moments are added up to what the same processor multiplies matrices at, both in float32.

`python -m benchmarks.moments`: the activations of four pictures at a layer of Stable Diffusion v1's largest
grid (64 x 64 tokens of 320 channels), three properties and their shuffled twins, beside a square product.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import typer

from benchmarks.timing import interleaved
from underpainting.cli._screen import table
from underpainting.probes import Moments

TOKENS, CHANNELS, TARGETS = 4 * 64 * 64, 320, 6
SIDE = 2048  # of the square product


def share_of_peak(
    where: torch.device,
    repeats: int,
    tokens: int = TOKENS,
    channels: int = CHANNELS,
    side: int = SIDE,
    done: Callable[[], object] = lambda: None,
) -> float:
    """The moments' operations a second as a share of the product's; ``done`` waits for the device."""
    x, y = torch.randn(tokens, channels, device=where), torch.randn(tokens, TARGETS, device=where)
    square, sums = torch.randn(side, side, device=where), Moments(channels, TARGETS, device=where)
    jobs: dict[str, Callable[[], object]] = {
        "moments": lambda: (sums.update(x, y), done()),
        "square product": lambda: (square @ square, done()),
    }
    work = {"moments": 2 * tokens * (channels + TARGETS) ** 2, "square product": 2 * side**3}
    times = interleaved(jobs, repeats)
    reached = {name: work[name] / min(taken) / 1e12 for name, taken in times.items()}
    table(["float32", "10¹² operations a second"], [[name, value] for name, value in reached.items()])
    return reached["moments"] / reached["square product"]


def measure(repeats: int = 15) -> dict[str, float]:
    """Measure moments_peak_share."""
    return {"moments_peak_share": share_of_peak(torch.device("cpu"), repeats)}


if __name__ == "__main__":
    typer.run(lambda: print(measure()))

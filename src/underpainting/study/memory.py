"""What a study holds in memory at once, and what to choose where that is more than there is: numbers only.

Weights and the activations of a batch lie where the network computes, on a GPU if there is one; totals,
labels and readings lie in the host's memory, and products are moved there layer by layer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from underpainting.vocabulary import ProbeLayer
from underpainting.weights import readable

LEAST_BATCH = 2  # in which labels can be shuffled


@dataclass(frozen=True)
class Sizes:
    """Bytes of what a study holds.

    weights: of its networks. held: of a fit picture's activations, at all steps. given: of what the network
    gives of a picture at one step, or works with. kept: of a picture until its shard is whole. read: of a
    calibrate picture's readings and scores at every strength. totals: of the sums of all places; of these,
    moments are copied where they are written.
    """

    weights: int
    held: int
    given: int
    kept: int
    read: int
    totals: int
    moments: int


@dataclass(frozen=True)
class Memory:
    """Bytes on the GPU, None where the network computes in the host's memory, and in the host's memory."""

    gpu: int | None
    host: int

    def holds(self, needed: Memory) -> bool:
        """Whether there is as much as is needed."""
        return needed.host <= self.host and (needed.gpu or 0) <= (self.gpu or 0)


Needs = Callable[[int, Sequence[ProbeLayer], int], Memory]
"""What a study needs with a batch size, some of the watched layers, and a number of steps."""


def room(device: str) -> Memory:
    """The memory of this machine and of the GPU, if the device is one that has its own."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    is_gpu = torch.device(device).type == "cuda"
    return Memory(torch.cuda.get_device_properties(device).total_memory if is_gpu else None, host)


def needed(sizes: Sizes, batch: int, shard: int, *, on_gpu: bool) -> Memory:
    """The most that is held at once with batches and shards of so many pictures.

    The run has two sets of totals while fit shards are made: its own, and the shard's. One is left when
    calibrate pictures are read.
    """
    pictures = batch * (sizes.held + sizes.given)
    fit = 2 * sizes.totals + shard * sizes.kept
    calibrate = sizes.totals + batch * (sizes.kept + sizes.read)
    if on_gpu:
        return Memory(sizes.weights + pictures, max(fit + sizes.moments, calibrate))
    most = max(fit + max(pictures, sizes.moments), calibrate + batch * sizes.given)
    return Memory(None, sizes.weights + most)


def advice(
    needs: Needs,
    batch: int,
    layers: Sequence[ProbeLayer],
    steps: int,
    thinned: Iterable[tuple[int, Sequence[ProbeLayer]]],
    there: Memory,
    *,
    halvable: bool = True,
) -> str | None:
    """What to choose where a study needs more memory than there is, the least loss first; None where it fits.

    layers: those that are watched. thinned: each n with those of every n-th block, the least n first.
    halvable: whether weights are in float32.
    Smaller batches give the same pictures, so that they come first, then fewer layers, then fewer steps; what
    is named then fits.
    """
    if there.holds(whole := needs(batch, layers, steps)):
        return None
    where = f"the {readable(there.host)} of this machine"
    if there.gpu is not None and (whole.gpu or 0) > there.gpu:
        where = f"the {readable(there.gpu)} of the GPU"
    for size in range(batch - 1, LEAST_BATCH - 1, -1):
        if there.holds(needs(size, layers, steps)):
            return f"more than {where}: init it again with --set run.batch_size={size}"
    least = min(batch, LEAST_BATCH)
    if needs(least, layers, steps).host == whole.host and (whole.gpu or 0) <= (there.gpu or 0):
        least = batch  # it is not what is too much
    alone = [(needs(least, [layer], steps), layer) for layer in layers]
    orders = (
        sorted(alone, key=lambda one: -(one[0].gpu or 0)),
        sorted(alone, key=lambda one: -one[0].host),
    )
    largest = [[layer for _, layer in order] for order in orders]
    few = _most(
        len(layers),
        lambda count: all(there.holds(needs(least, order[:count], steps)) for order in largest),
    )
    nth = next((n for n, of in thinned if there.holds(needs(least, of, steps))), None)
    fewer = _most(steps, lambda count: there.holds(needs(least, layers, count)))
    ways = []
    if few:
        how = f"--layers, or --every-nth-block {nth}" if nth else "--layers"
        ways.append(f"{few} of {len(layers)} layers ({how})")
    if fewer:
        ways.append(f"{fewer} of {steps} steps (--steps)")
    if not ways:
        halved = "halve the weights by --dtype float16, or " if halvable else ""
        return f"more than {where}, whatever is watched: {halved}take another machine"
    smaller = f"--set run.batch_size={least} and " if least < batch else ""
    return f"more than {where}: init it again with {smaller}{', or '.join(ways)}"


def _most(count: int, fits: Callable[[int], bool]) -> int:
    """The largest number below `count`, and from 1, that fits; 0 where none does."""
    return next((number for number in range(count - 1, 0, -1) if fits(number)), 0)

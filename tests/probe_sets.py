"""The smallest set of probes: one, of one layer and step."""

import torch

from underpainting.probes import Best, Entry, Key, Probe, ProbeSet
from underpainting.vocabulary import ProbeLayer


def one_probe() -> ProbeSet:
    """Of depth, at `up.3.0`, of three channels on a grid of 2 x 2."""
    return ProbeSet(
        {Key("depth", "up.3.0", 1, "conditional"): Entry(Probe(torch.ones(3), torch.tensor(0.5)), 0.1)},
        (ProbeLayer("up.3.0", (2, 2), 3),),
        1,
        ("conditional",),
        {"depth": Best("up.3.0", "spearman", {1: "up.3.0"})},
        "tiny",
        {"fit": 2},
    )

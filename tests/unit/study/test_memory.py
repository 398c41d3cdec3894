"""What is held at once, where, and what is advised: SDXL's numbers, worked out by hand."""

import re
from collections.abc import Sequence

import pytest
import torch

from underpainting.study.memory import Memory, Sizes, advice, needed, room
from underpainting.vocabulary import ProbeLayer

GB = 1_000_000_000
LAYERS = (ProbeLayer("wide", (64, 64), 640),) * 10 + (ProbeLayer("deep", (32, 32), 1280),) * 60
VALUES = 10 * 64**2 * 640 + 60 * 32**2 * 1280  # of a picture at a step: 104.9 million
BIG_HOST = 10_000 * GB


def sdxl(
    batch: int, layers: Sequence[ProbeLayer] = LAYERS, steps: int = 15, *, on_gpu: bool = True
) -> Memory:
    """What SDXL needs in float32, one branch probed, both given."""
    values = sum(layer.tokens * layer.channels for layer in layers)
    squares = sum(8 * (layer.channels + 6) ** 2 for layer in layers) * steps
    sizes = Sizes(
        weights=13_900_000_000,
        held=values * 4 * steps,
        given=values * 4 * 2,
        kept=9 * 1024**2,
        read=0,
        totals=squares + 8 * values * steps,
        moments=squares,
    )
    return needed(sizes, batch, 32, on_gpu=on_gpu)


def test_activations_lie_on_the_gpu_and_totals_in_the_host() -> None:
    whole = sdxl(8)
    assert VALUES == 104_857_600
    assert whole.gpu == 13_900_000_000 + 8 * VALUES * 4 * (15 + 2)
    assert sdxl(2).host == whole.host  # which smaller batches do not lessen
    totals = 15 * (sum(8 * (layer.channels + 6) ** 2 for layer in LAYERS) + 8 * VALUES)
    assert 2 * totals < whole.host < 3 * totals
    alone = sdxl(8, on_gpu=False)
    assert alone.gpu is None and alone.host >= whole.gpu + 2 * totals


def test_a_smaller_batch_is_advised_first_and_fits_as_nothing_larger_does() -> None:
    there = Memory(40 * 2**30, BIG_HOST)
    said = advice(sdxl, 8, LAYERS, 15, [], there)
    assert said == "more than the 42.9 GB of the GPU: init it again with --set run.batch_size=4"
    assert there.holds(sdxl(4)) and not there.holds(sdxl(5))
    assert advice(sdxl, 8, LAYERS, 15, [], Memory(80 * 2**30, BIG_HOST)) is None


@pytest.mark.parametrize(("there", "batch"), [(Memory(20 * GB, BIG_HOST), 2), (Memory(100 * GB, 30 * GB), 8)])
def test_layers_and_steps_come_after_it_and_what_is_named_fits(there: Memory, batch: int) -> None:
    """Of a GPU that is too small for two pictures, and of a host that is too small for the totals."""
    thinned = {n: LAYERS[::n] for n in range(2, 71)}
    said = advice(sdxl, 8, LAYERS, 15, thinned.items(), there)
    assert said and said.index("layers (") < said.index("steps (")
    assert ("run.batch_size=2 and" in said) == (batch == 2)
    few, nth, steps = (
        int(re.findall(of, said)[0])
        for of in (r"(\d+) of 70 layers", r"every-nth-block (\d+)", r"(\d+) of 15 steps")
    )
    for order in (LAYERS, LAYERS[::-1]):
        assert there.holds(sdxl(batch, order[:few]))
    assert there.holds(sdxl(batch, LAYERS[::nth])) and not there.holds(sdxl(batch, LAYERS[:: nth - 1]))
    assert there.holds(sdxl(batch, steps=steps)) and not there.holds(sdxl(batch, steps=steps + 1))


def test_weights_that_are_too_large_are_said_to_be() -> None:
    said = advice(sdxl, 8, LAYERS, 15, [], Memory(12 * GB, BIG_HOST))
    assert said and "whatever is watched" in said and "--dtype float16" in said
    said = advice(sdxl, 8, LAYERS, 15, [], Memory(12 * GB, BIG_HOST), halvable=False)
    assert said and said.endswith("whatever is watched: take another machine")


def test_there_is_as_much_as_the_device_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        total_memory = 24 * GB

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Card())
    assert room("cuda:1").gpu == 24 * GB
    assert room("cpu").gpu is None and room("cpu").host == room("cuda:1").host > GB

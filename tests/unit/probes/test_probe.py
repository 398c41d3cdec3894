"""One linear map with outputs of any shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from underpainting.errors import UnderpaintingError
from underpainting.probes import Probe
from underpainting.probes.probe import joined

shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)


def drawn(outputs: tuple[int, ...], seed: int = 0, channels: int = 5) -> Probe:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(channels, *outputs, generator=generator, dtype=torch.float64)
    return Probe(weight, torch.randn(outputs, generator=generator, dtype=torch.float64))


@settings(max_examples=30)
@given(outputs=shapes, leading=shapes, seed=st.integers(0, 1000))
def test_readings_are_products_and_bias_whatever_the_outputs(
    outputs: tuple[int, ...], leading: tuple[int, ...], seed: int
) -> None:
    probe = drawn(outputs, seed)
    x = torch.randn(*leading, 5, generator=torch.Generator().manual_seed(seed + 1))
    read = probe.apply(x.half())
    assert read.shape == (*leading, *outputs) and read.dtype == torch.float32
    expected = torch.tensordot(x.half().double(), probe.weight, dims=1) + probe.bias
    torch.testing.assert_close(read.double(), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=20)
@given(outputs=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), data=st.data())
def test_a_picked_probe_reads_what_the_whole_reads_there(
    outputs: tuple[int, int, int], data: st.DataObject
) -> None:
    probe = drawn(outputs)
    depth = data.draw(st.integers(0, 3))
    index = tuple(data.draw(st.integers(0, size - 1)) for size in outputs[:depth])
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(2))
    picked = probe.pick(*index)
    assert picked.bias.shape == outputs[depth:]
    torch.testing.assert_close(picked.apply(x), probe.apply(x)[:, *index])


def test_as_kept_it_is_contiguous_float32_and_reads_the_same() -> None:
    probe = drawn((2, 3))
    kept = probe.pick(1).float()
    assert kept.weight.dtype == kept.bias.dtype == torch.float32 and kept.weight.is_contiguous()
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(2))
    assert torch.equal(kept.apply(x), probe.pick(1).apply(x))


def test_probes_side_by_side_read_as_each_alone() -> None:
    probes = [drawn((2,), seed) for seed in range(3)]
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(2))
    read = joined(probes).apply(x)
    assert read.shape == (4, 2, 3)
    for i, probe in enumerate(probes):
        torch.testing.assert_close(read[..., i], probe.apply(x))


def test_activations_of_other_channels_are_refused() -> None:
    with pytest.raises(UnderpaintingError, match=r"reads 5 channels, got activations \(2, 3\)"):
        drawn(()).apply(torch.ones(2, 3))
    with pytest.raises(UnderpaintingError, match="5 channels"):
        drawn(()).apply(torch.tensor(1.0))


def test_products_stay_float32_under_autocast() -> None:
    probe, x = drawn((2,)), torch.randn(50, 5, generator=torch.Generator().manual_seed(3))
    plain = probe.apply(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(probe.apply(x), plain)


def test_a_probe_of_plain_tensors_reads() -> None:
    assert Probe(torch.ones(2), torch.tensor(1.0)).apply(torch.tensor([2.0, 3.0])).item() == 6.0

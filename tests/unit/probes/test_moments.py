import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from underpainting.errors import UnderpaintingError
from underpainting.probes import Moments, TokenMeans, load_sums, moments_bytes, save_sums

FIELDS = ("mean_x", "mean_y", "sxx", "sxy", "syy")


def reference(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    x, y = x.astype(np.float64), y.astype(np.float64)
    dx, dy = x - x.mean(0), y - y.mean(0)
    return {"mean_x": x.mean(0), "mean_y": y.mean(0), "sxx": dx.T @ dx, "sxy": dx.T @ dy, "syy": dy.T @ dy}


def draw(
    n: int, channels: int, targets: int, seed: int, offset: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, channels, generator=generator) + offset
    return x, torch.rand(n, targets, generator=generator)


def assert_equal_sums(moments: Moments, expected: dict[str, np.ndarray], n: int, rtol: float) -> None:
    assert moments.n == n
    # float32 products err in proportion to the spreads multiplied, not to a sum that may nearly cancel
    spread_x, spread_y = (np.sqrt(np.trace(expected[field])) for field in ("sxx", "syy"))
    spreads = {"sxx": spread_x**2, "sxy": spread_x * spread_y, "syy": spread_y**2}
    for field in FIELDS:
        scale = max(1.0, spreads.get(field, np.abs(expected[field]).max()))
        np.testing.assert_allclose(
            getattr(moments, field).numpy(), expected[field], rtol=0, atol=rtol * scale
        )


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    channels=st.integers(1, 7),
    targets=st.integers(1, 3),
    offset=st.sampled_from([0.0, -3.0, 1000.0]),
    seed=st.integers(0, 1000),
)
def test_any_batches_equal_numpy_on_the_whole(
    sizes: list[int], channels: int, targets: int, offset: float, seed: int
) -> None:
    x, y = draw(sum(sizes), channels, targets, seed, offset)
    moments = Moments(channels, targets)
    for part_x, part_y in zip(x.split(sizes), y.split(sizes), strict=True):
        moments.update(part_x, part_y)
    assert_equal_sums(moments, reference(x.numpy(), y.numpy()), sum(sizes), 2e-6)


@settings(max_examples=30)
@given(cut=st.integers(0, 50), offset=st.sampled_from([0.0, 500.0]), seed=st.integers(0, 1000))
def test_merged_halves_equal_numpy_on_the_whole(cut: int, offset: float, seed: int) -> None:
    x, y = draw(50, 4, 2, seed, offset)
    left, right = Moments(4, 2), Moments(4, 2)
    left.update(x[:cut], y[:cut])
    right.update(x[cut:], y[cut:])
    left.merge(right)
    assert_equal_sums(left, reference(x.numpy(), y.numpy()), 50, 2e-6)


def test_merging_is_exact_in_float64() -> None:
    x, y = draw(400, 5, 2, 3, 10.0)
    parts = [Moments(5, 2) for _ in range(8)]
    for part, part_x, part_y in zip(parts, x.split(50), y.split(50), strict=True):
        part.update(part_x, part_y)
    forward, backward = Moments(5, 2), Moments(5, 2)
    for part in parts:
        forward.merge(part)
    for part in reversed(parts):
        backward.merge(part)
    for field in FIELDS:
        torch.testing.assert_close(getattr(forward, field), getattr(backward, field), rtol=1e-12, atol=1e-10)


def test_a_large_mean_does_not_swamp_a_small_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    x = 4096 + torch.randn(2000, 3, generator=generator)
    moments = Moments(3, 1)
    for part in x.split(500):
        moments.update(part, part[:, :1])
    naive = (x.T @ x - len(x) * torch.outer(x.mean(0), x.mean(0))).double().numpy()
    expected = reference(x.numpy(), x[:, :1].numpy())["sxx"]
    assert np.abs(moments.sxx.numpy() - expected).max() < 1e-5 * expected.max()
    assert np.abs(naive - expected).max() > 1e-2 * expected.max()


def test_leading_dimensions_and_half_precision() -> None:
    x, y = draw(60, 4, 2, 1)
    x = x.half()
    moments = Moments(4, 2)
    moments.update(x.reshape(3, 20, 4), y.reshape(3, 20, 2))
    assert_equal_sums(moments, reference(x.float().numpy(), y.numpy()), 60, 2e-6)


def test_products_stay_float32_under_autocast() -> None:
    x, y = draw(500, 8, 1, 2)
    plain, cast = Moments(8, 1), Moments(8, 1)
    plain.update(x, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast.update(x, y)
    assert torch.equal(plain.sxx, cast.sxx)


def test_wrong_shapes_are_refused_and_leave_the_sums_alone() -> None:
    moments = Moments(4, 2)
    moments.update(torch.ones(3, 4), torch.ones(3, 2))
    for x, y in [((3, 5), (3, 2)), ((3, 4), (3, 1)), ((3, 4), (2, 2))]:
        with pytest.raises(UnderpaintingError, match="moments take"):
            moments.update(torch.ones(x), torch.ones(y))
    with pytest.raises(UnderpaintingError, match="merge"):
        moments.merge(Moments(4, 3))
    assert moments.n == 3


def test_token_means_equal_numpy_and_merge() -> None:
    x = torch.randn(11, 6, 3, generator=torch.Generator().manual_seed(0)) + 50
    left, right = TokenMeans(6, 3), TokenMeans(6, 3)
    left.update(x[:4])
    left.update(x[4:5])
    right.update(x[5:])
    left.merge(right)
    assert left.n == 11
    np.testing.assert_allclose(left.mean.numpy(), x.double().numpy().mean(0), rtol=1e-6)
    with pytest.raises(UnderpaintingError, match="grid"):
        left.update(torch.ones(2, 5, 3))
    with pytest.raises(UnderpaintingError, match="grid"):
        left.merge(TokenMeans(5, 3))


def test_saved_sums_come_back_bit_for_bit_and_go_on(tmp_path) -> None:
    x, y = draw(90, 4, 2, 5)
    whole, half = Moments(4, 2), Moments(4, 2)
    means = TokenMeans(30, 2)
    means.update(y.reshape(3, 30, 2))
    for moments in (whole, half):
        moments.update(x[:40], y[:40])
    save_sums(
        tmp_path / "sums.safetensors", {"up.3.0/15/conditional": half, "means/8x8": means}, {"shard": "7"}
    )
    loaded, metadata = load_sums(tmp_path / "sums.safetensors")
    assert metadata == {"shard": "7"}
    restored, restored_means = loaded["up.3.0/15/conditional"], loaded["means/8x8"]
    assert isinstance(restored, Moments) and isinstance(restored_means, TokenMeans)
    assert restored_means.n == 3 and torch.equal(restored_means.mean, means.mean)
    whole.update(x[40:], y[40:])
    restored.update(x[40:], y[40:])
    assert restored.n == 90
    assert all(torch.equal(getattr(restored, field), getattr(whole, field)) for field in FIELDS)


def test_a_missing_broken_or_foreign_file_is_refused(tmp_path) -> None:
    from safetensors.torch import save_file

    (tmp_path / "broken").write_bytes(b"no moments")
    save_file({"x/y": torch.ones(2)}, tmp_path / "foreign")
    for name in ("missing", "broken", "foreign"):
        with pytest.raises(UnderpaintingError, match="no readable file of moments"):
            load_sums(tmp_path / name)


def test_stated_bytes_are_those_held() -> None:
    moments = Moments(7, 3)
    assert moments_bytes(7, 3) == moments._mean.nbytes + moments._second.nbytes

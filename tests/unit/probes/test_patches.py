"""What a label is under the tokens of a grid: sums, means, ranks, and the way back."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import interpolate

from underpainting.errors import UnderpaintingError
from underpainting.probes import Patches, cell_means, enlarge, pixel_ranks
from underpainting.probes.patches import square_grid

# label size, grid: dividing and not, not square, one to one, a single token
SHAPES = [((16, 16), (4, 4)), ((15, 22), (4, 6)), ((7, 9), (7, 9)), ((12, 10), (5, 3)), ((9, 8), (1, 1))]


def pixels(tokens: torch.Tensor, grid: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Nearest enlargement, pixel by pixel."""
    (rows, columns), (height, width) = grid, size
    table = tokens.reshape(rows, columns).double().numpy()
    return np.array(
        [[table[i * rows // height, j * columns // width] for j in range(width)] for i in range(height)]
    )


def test_pixel_ranks_equal_scipy_picture_by_picture() -> None:
    label = torch.randn(3, 2, 6, 5, generator=torch.Generator().manual_seed(0)).mul(2).round()
    ranks = pixel_ranks(label)
    for i, j in product(range(3), range(2)):
        expected = stats.rankdata(label[i, j].numpy()).reshape(6, 5)
        np.testing.assert_array_equal(ranks[i, j].numpy(), expected)


def test_enlargement_is_torchs_where_sizes_divide() -> None:
    tokens = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    expected = interpolate(tokens.reshape(2, 1, 3, 4), size=(12, 8), mode="nearest")[:, 0]
    assert torch.equal(enlarge(tokens, (3, 4), (12, 8)), expected)


@pytest.mark.parametrize(("size", "grid"), SHAPES)
def test_cell_means_and_enlargement_follow_the_nearest_rule(size, grid) -> None:
    label = torch.randn(2, *size, generator=torch.Generator().manual_seed(0))
    owner = pixels(torch.arange(grid[0] * grid[1]), grid, size)
    means = cell_means(label, grid)
    assert means.dtype == torch.float32
    for token in range(grid[0] * grid[1]):
        expected = label.double().numpy()[:, owner == token].mean(1)
        np.testing.assert_allclose(means[:, token].numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        enlarge(means, grid, size)[1].double().numpy(), pixels(means[1], grid, size)
    )


@pytest.mark.parametrize("masked", [False, True])
def test_spread_and_turned_patches_are_those_of_spread_and_turned_labels(masked: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    label = torch.randn(3, 9, 8, generator=generator)
    mask = torch.rand(3, 9, 8, generator=generator) < 0.5 if masked else None

    def made(label: torch.Tensor, mask: torch.Tensor | None) -> Patches:
        return Patches.of(label, (4, 3), pixel_ranks(label, mask), mask)

    patches = made(label, mask)
    turned = made(label.roll(1, 0), None if mask is None else mask.roll(1, 0))
    spread = made(label[:, None, None], None if mask is None else mask[:, None, None])
    for one, other in ((patches.turned(), turned), (patches.spread(2), spread)):
        for name in ("count", "total", "scatter", "rank_total", "rank_scatter"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name))


def test_a_number_of_tokens_that_is_no_square_has_no_grid() -> None:
    assert square_grid(49) == (7, 7)
    with pytest.raises(UnderpaintingError, match="48 tokens make no square grid"):
        square_grid(48)

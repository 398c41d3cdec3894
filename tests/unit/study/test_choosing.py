"""Dice over thresholds, and choosing from mean scores."""

import pytest
import torch

from underpainting.controls import shuffled, without_position
from underpainting.diffusion import Layer
from underpainting.errors import UnderpaintingError
from underpainting.probes import Patches, dice
from underpainting.study.kept.choosing import choose, chosen_scores, mean_scores
from underpainting.study.places import Places, Property
from underpainting.study.scoring import THRESHOLDS, dice_curve


@pytest.mark.parametrize("grid", [(4, 4), (3, 5)])
def test_dice_curve_is_dice_at_every_threshold(grid: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    label = (torch.rand(2, 1, 9, 11, generator=generator) > 0.6).float()
    label[1] = 0
    scores = torch.randn(2, 3, grid[0] * grid[1], generator=generator).mul(0.4).add(0.3)
    scores[0, 0, :4] = float(THRESHOLDS[40])
    patches = Patches.of(label, grid)
    curve = dice_curve(scores, patches)
    for i, cut in enumerate(THRESHOLDS.tolist()):
        torch.testing.assert_close(curve[..., i], dice(scores > cut, patches), equal_nan=True)


def _places() -> Places:
    layers = (Layer("a", (2, 2), 3, path="a"), Layer("b", (2, 2), 3, path="b"))
    return Places(layers, 2, ("conditional",), (Property("saliency", True), Property("depth", False)), 4)


def test_each_place_gets_its_own_best_strength_and_threshold() -> None:
    generator = torch.Generator().manual_seed(1)
    shape = (5, 2, 2, 1, 3, 2)  # picture, layer, step, branch, strength, source
    scores = {
        "saliency/average_precision": torch.rand(shape, generator=generator, dtype=torch.float64),
        "saliency/curve": torch.rand(*shape, len(THRESHOLDS), generator=generator),
        "depth/spearman": torch.rand(shape, generator=generator, dtype=torch.float64),
        "depth/rmse": torch.rand(shape, generator=generator, dtype=torch.float64),
    }
    scores["depth/spearman"][2, 0] = torch.nan
    parts = [{name: x[:2] for name, x in scores.items()}, {name: x[2:] for name, x in scores.items()}]
    choices = choose(mean_scores(parts), _places())
    chosen = chosen_scores(scores, choices, _places())
    assert set(chosen) == {"saliency/average_precision", "saliency/dice", "depth/spearman", "depth/rmse"}
    for layer in range(2):
        for step in range(2):
            for source in range(2):
                at = (slice(None), layer, step, 0)
                rank = scores["depth/spearman"][at][:, :, source].nanmean(0)
                assert int(choices["depth"].strength[layer, step, 0, source]) == int(rank.argmax())
                assert float(choices["depth"].quality[layer, step, 0, source]) == pytest.approx(
                    float(rank.max())
                )
                rmse = scores["depth/rmse"][at][:, int(rank.argmax()), source]
                assert torch.equal(chosen["depth/rmse"][:, layer, step, 0, source], rmse)
                best = int(scores["saliency/average_precision"][at][:, :, source].mean(0).argmax())
                curve = scores["saliency/curve"][at][:, best, source].double()
                assert float(choices["saliency"].quality[layer, step, 0, source]) == pytest.approx(
                    float(curve.mean(0).max())
                )
                cut = int(curve.mean(0).argmax())
                assert torch.equal(chosen["saliency/dice"][:, layer, step, 0, source].double(), curve[:, cut])


def test_shuffled_gives_no_picture_its_own_label() -> None:
    labels = torch.arange(3)[:, None].expand(3, 4)
    assert shuffled(labels)[:, 0].tolist() == [2, 0, 1]
    with pytest.raises(UnderpaintingError, match="one picture"):
        shuffled(labels[:1])


def test_without_position_takes_each_tokens_mean_from_its_pixels() -> None:
    label = torch.arange(24.0).reshape(1, 4, 6)
    means = label[0].reshape(2, 2, 2, 3).mean((1, 3)).flatten()
    rest = without_position(label, means, (2, 2))[0].reshape(2, 2, 2, 3)
    torch.testing.assert_close(rest.mean((1, 3)), torch.zeros(2, 2))

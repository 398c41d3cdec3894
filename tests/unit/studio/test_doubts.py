"""Pictures made a few at a time and kept; sizes and pairs beside what is known of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from studio import doubts
from studio.doubts import Asked, asked, nearest_pairs, pieces, side_by_side, size_rows, sizes


def test_pictures_that_are_kept_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def generate(model, prompts, seeds, guidance, steps) -> torch.Tensor:
        calls.append((prompts, guidance, steps))
        return torch.tensor(seeds)[:, None, None, None].expand(-1, 3, 4, 4) / 255

    monkeypatch.setattr(doubts.evaluate, "generate", generate)
    wanted = Asked([(f"a mug {i}", i, "mug", "red") for i in range(50)], guidance=2.0, steps=9)
    made = torch.cat(list(pieces(None, wanted, tmp_path)))
    assert made.shape == (50, 3, 4, 4) and torch.equal(made[:, 0, 0, 0], torch.arange(50) / 255)
    assert len(calls) == 3 and calls[0][1:] == (2.0, 9)
    (tmp_path / "0020.npy").unlink()
    assert torch.equal(torch.cat(list(pieces(None, wanted, tmp_path))), made)
    assert len(calls) == 4 and calls[3][0][0] == "a mug 20"


def test_settings_share_their_seeds() -> None:
    made = asked(1000)
    assert sum(len(of_one.rows) for of_one in made.values()) == 1380
    for name in ("guidance 1", "guidance 7.5", "50 steps"):
        assert made[name].rows == made["guidance 3"].rows[: len(made[name].rows)]


def test_sizes_are_shares_and_are_told_apart() -> None:
    masks = torch.zeros(3, 10, 10)
    masks[0, :5], masks[1, :2] = 1, 1
    assert np.allclose(sizes(masks), [0.5, 0.2, np.nan], equal_nan=True)
    rng = np.random.default_rng(0)
    small, large = rng.normal(0.2, 0.05, 150), rng.normal(0.3, 0.05, 150)
    lines = size_rows({"small": small, "large": np.append(large, np.nan), "again": small + 0}, "small")
    assert lines["large"]["pictures"] == 150 and lines["large"]["p"] < 1e-6
    assert lines["large"]["mean"] == pytest.approx(large.mean())
    assert lines["large"]["error"] == pytest.approx(0.05 / 150**0.5, rel=0.2)
    assert lines["again"]["p"] == pytest.approx(1)


def test_pairs_are_nearest_first_and_drawn_one_above_the_other() -> None:
    which, whose = nearest_pairs(torch.tensor([[0.0], [5.0], [9.0]]), torch.tensor([[5.5], [9.1]]), 2)
    assert which.tolist() == [2, 1] and whose.tolist() == [1, 0]
    drawn = np.asarray(side_by_side([(torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4))]))
    assert drawn.shape == (8, 8, 3) and drawn[:4].max() == 0 and drawn[4:].min() == 255

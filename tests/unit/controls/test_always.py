"""Labels of other pictures, and what position alone predicts."""

import pytest
import torch

from underpainting.controls.always import position_map, shuffled
from underpainting.errors import UnderpaintingError
from underpainting.probes import TokenMeans


def test_shuffled_gives_no_picture_its_own_label() -> None:
    labels = torch.arange(3)[:, None].expand(3, 4)
    assert shuffled(labels)[:, 0].tolist() == [2, 0, 1]
    with pytest.raises(UnderpaintingError, match="one picture"):
        shuffled(labels[:1])


def test_position_predicts_each_tokens_mean_label() -> None:
    labels = torch.randn(5, 6, 2, generator=torch.Generator().manual_seed(0))
    means = TokenMeans(6, 2)
    means.update(labels[:2])
    means.update(labels[2:])
    predicted = position_map(means)
    assert predicted.shape == (2, 6) and predicted.dtype == torch.float32
    torch.testing.assert_close(predicted, labels.mean(0).T)

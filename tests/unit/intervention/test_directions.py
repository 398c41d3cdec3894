"""Edits against dense linear algebra, and against the published gradient descent written out."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from underpainting.errors import UnderpaintingError
from underpainting.intervention.directions import Direction, by_gradient, changed, direction_of
from underpainting.probes import Moments, Probe, enlarge, ridge

CHANNELS = 12


def fitted(seed: int = 0, names: tuple[str, ...] = ("saliency", "depth")) -> tuple[Direction, Tensor, Tensor]:
    """Probes of a 0/1 and of a continuous label, with the activations and labels they were fitted to."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(CHANNELS, CHANNELS, generator=generator)
    x = torch.randn(4000, CHANNELS, generator=generator) @ mixing
    hidden = x @ torch.randn(CHANNELS, 2, generator=generator) * 0.3
    noise = torch.randn(4000, 2, generator=generator)
    y = torch.stack([(hidden[:, 0] + noise[:, 0] > 0.7).float(), hidden[:, 1] + noise[:, 1]], dim=1)
    y = y[:, : len(names)]
    moments = Moments(CHANNELS, len(names))
    moments.update(x, y)
    probe = ridge(moments, [1e-3]).pick(0).float()
    return direction_of(probe, moments, range(len(names))), x, y


@pytest.mark.parametrize("name", ["minimum", "covariance"])
def test_a_whole_edit_reads_the_target_and_is_the_least_of_its_kind(name: str) -> None:
    direction, x, _ = fitted()
    few, goal = x[:20], torch.randn(20, 2)
    change = changed(few, direction, direction.along(name), goal, 1.0)
    torch.testing.assert_close(direction.probe.apply(few + change), goal, atol=1e-3, rtol=1e-3)
    # Least d with W'd = r, in the norm d'd or d'S^-1 d: a dense solution by pseudoinverse.
    missing = (goal - direction.probe.apply(few)).double().numpy()
    weight = direction.probe.weight.double().numpy()
    spread = np.cov(x.double().numpy().T, bias=True)
    root = np.linalg.cholesky(spread) if name == "covariance" else np.eye(CHANNELS)
    expected = (root @ np.linalg.pinv(weight.T @ root) @ missing.T).T
    np.testing.assert_allclose(change.numpy(), expected, atol=2e-3, rtol=2e-3)


def test_goals_are_the_mean_readings_of_such_tokens() -> None:
    direction, x, y = fitted()
    reading = direction.probe.apply(x)
    for of in (0.0, 1.0):
        goal = direction.goal(torch.tensor([of, 0.0]))[0]
        torch.testing.assert_close(goal, reading[y[:, 0] == of, 0].mean(), atol=1e-3, rtol=1e-3)
    slope, offset = np.polyfit(y[:, 1].numpy(), reading[:, 1].numpy(), 1)
    torch.testing.assert_close(
        direction.goal(torch.tensor([0.0, 2.0]))[1].item(), slope * 2 + offset, atol=1e-3, rtol=1e-3
    )


def test_strength_scales_and_nothing_is_nothing() -> None:
    direction, x, _ = fitted()
    goal = direction.goal(torch.rand(6, 2))
    one, three, none = (changed(x[:6], direction, direction.covariance, goal, of) for of in (1.0, 3.0, 0.0))
    torch.testing.assert_close(three, 3 * one)
    assert not none.any()


def test_probes_that_read_the_same_are_refused() -> None:
    _, x, y = fitted()
    moments = Moments(CHANNELS, 2)
    moments.update(x, y)
    weight = ridge(moments, [1e-3]).weight[:, 0, [0]].float().repeat(1, 2)
    with pytest.raises(UnderpaintingError, match="cannot be told apart"):
        direction_of(Probe(weight, torch.zeros(2)), moments, [0, 1])


def test_gradient_descent_is_the_published_one() -> None:
    """Cross-entropy of a two-class probe, enlarged to the picture, against its mask, by Adam."""
    direction, x, _ = fitted(names=("saliency",))
    tokens = x[:16].reshape(1, 16, CHANNELS)
    mask = (torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(3)) > 0.5).long()
    low, high = (float(direction.goal(torch.tensor([of]))) for of in (0.0, 1.0))
    scale = (high - low) / float(direction.spread) ** 2
    share = float(direction.label)
    published = nn.Linear(CHANNELS, 2)
    with torch.no_grad():
        published.weight[0], published.weight[1] = 0, scale * direction.probe.weight[:, 0]
        middle = np.log(share / (1 - share)) + scale * (float(direction.probe.bias) - (low + high) / 2)
        published.bias[0], published.bias[1] = 0, middle
    edited = tokens.clone().requires_grad_()
    adam = torch.optim.Adam([edited], lr=5e-3)
    for _ in range(40):
        adam.zero_grad()
        logits = enlarge(published(edited).transpose(1, 2), (4, 4), (16, 16))
        nn.functional.cross_entropy(logits, mask).backward()
        adam.step()
    shares = mask.float().reshape(1, 4, 4, 4, 4).mean((2, 4)).reshape(1, 16, 1)
    found = by_gradient(tokens, direction, shares, [True], iterations=40)
    torch.testing.assert_close(tokens + found, edited.detach(), atol=2e-4, rtol=1e-3)


def test_gradient_descent_brings_a_continuous_reading_to_its_goal() -> None:
    direction, x, _ = fitted()
    tokens, labels = x[:16].reshape(1, 16, CHANNELS), torch.zeros(1, 16, 2)
    missing = (direction.goal(labels) - direction.probe.apply(tokens))[..., 1].abs().mean()
    after = tokens + by_gradient(tokens, direction, labels, [True, False], iterations=400)
    left = (direction.goal(labels) - direction.probe.apply(after))[..., 1].abs().mean()
    assert left < 0.2 * missing

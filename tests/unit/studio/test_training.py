"""Trainings that go on, and how their rate falls."""

import csv
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from studio.training import STATE, Course, State, train

pytestmark = pytest.mark.usefixtures("one_thread")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 16))


def updates(state: State, numbers: range) -> None:
    """A few updates, each on its own batch."""
    for number in numbers:
        x = torch.randn(8, 16, generator=torch.Generator().manual_seed(number))
        (state.module(x) - x).square().mean().backward()
        state.set_rate(1e-2)
        state.step()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(optimizer, tmp_path: Path) -> None:
    course = Course(minutes=1, rate=1e-2, optimizer=optimizer)
    whole = State(network(), network(), course)
    updates(whole, range(6))
    first = State(network(), network(), course)
    updates(first, range(3))
    first.save(tmp_path / STATE)
    second = State(network(), network(), course)
    second.load(tmp_path / STATE)
    updates(second, range(3, 6))
    assert second.updates == 6
    for a, b in zip(whole.module.parameters(), second.module.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    start = network()
    assert any((a != b).any() for a, b in zip(start.parameters(), second.module.parameters(), strict=True))


@pytest.mark.parametrize(
    ("decay", "at", "share"),
    [
        (None, 4.9, 1.0),
        (None, 10.0, 0.0),
        (0.0, 10.0, 1.0),
        (4.0, 6.0, 1.0),
        (4.0, 7.0, 0.5),
        (10.0, 2.5, 0.5),
    ],
)
def test_the_rate_is_held_then_falls(decay, at, share) -> None:
    course = Course(minutes=10, rate=1.0, decay_minutes=decay)
    assert course.share_of_rate(at) == pytest.approx(share)


def test_a_checkpoints_folder_keeps_state_samples_and_log_across_runs(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    saved: list[nn.Module] = []

    def loss(module: nn.Module):
        def of(rng: torch.Generator) -> Tensor:
            x = torch.randn(8, 16, generator=rng)
            return (module(x) - x).square().mean()

        return of

    for _ in range(2):
        module = network()
        course = Course(minutes=0.002, rate=1e-2, checkpoint=kept)
        train(module, loss(module), saved.append, folder=tmp_path / "other", batch=8, course=course)
    with (kept / "log.csv").open() as file:
        samples = [int(row["samples"]) for row in csv.DictReader(file)]
    assert len(samples) == 2 and samples[1] > samples[0] > 0
    assert not (tmp_path / "other").exists() and len(saved) == 2
    state = State(network(), network(), Course(minutes=1, rate=1))
    state.load(kept / STATE)
    assert state.updates * 8 == samples[1]


def test_minutes_are_those_of_the_clock_that_is_given(tmp_path: Path) -> None:
    module, ticks = network(), iter(range(0, 10_000, 20))

    def loss(rng: torch.Generator) -> Tensor:
        return module(torch.randn(8, 16, generator=rng)).square().mean()

    course = Course(minutes=2, rate=1e-2, clock=lambda: float(next(ticks)))
    train(module, loss, lambda _: None, folder=tmp_path, batch=8, course=course)
    with (tmp_path / "log.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert 2 <= float(last["minutes"]) < 3 and int(last["samples"]) <= 8 * 5

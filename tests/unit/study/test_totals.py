"""Sums of a study: the same in any order, on disk as in memory, and solved place by place."""

from itertools import permutations
from pathlib import Path

import pytest
import torch

from tests.unit.study.places import record, small_labels, small_places
from underpainting.errors import UnderpaintingError
from underpainting.probes import ridge
from underpainting.study.kept.totals import Totals, empty_totals, read_totals, solve, totals_bytes
from underpainting.study.places import Places
from underpainting.study.recorders import Held


def summed(places: Places, shards: list[int]) -> Totals:
    """Sums of some shards' pictures, three a shard."""
    totals = empty_totals(places)
    for shard in shards:
        held = Held(places)
        for step in range(1, places.steps + 1):
            held.look(record(places, step, seed=shard))
        held.add_to(totals, small_labels(seed=shard))
    return totals


def assert_same(one: Totals, other: Totals, rtol: float = 0.0) -> None:
    assert one.moments.keys() == other.moments.keys() and one.labels.keys() == other.labels.keys()
    parts = [(one.moments[place], other.moments[place]) for place in one.moments]
    parts += [(one.tokens[place], other.tokens[place]) for place in one.tokens]
    parts += [(one.labels[grid], other.labels[grid]) for grid in one.labels]
    for mine, theirs in parts:
        for name, values in mine.state().items():
            torch.testing.assert_close(values, theirs.state()[name], rtol=rtol, atol=rtol)


def test_shards_add_up_to_the_whole_in_any_order() -> None:
    places = small_places()
    whole = summed(places, [0, 1, 2])
    for order in permutations(range(3)):
        totals = empty_totals(places)
        for shard in order:
            totals.merge(summed(places, [shard]))
        assert_same(totals, whole, rtol=1e-5)
        assert next(iter(totals.labels.values())).n == 9


def test_written_sums_come_back_bit_for_bit_and_go_on(tmp_path: Path) -> None:
    places = small_places()
    half, other = summed(places, [0]), summed(places, [1])
    half.write(tmp_path / "sums.safetensors")
    back = read_totals(tmp_path / "sums.safetensors")
    assert_same(back, half)
    back.merge(other)
    half.merge(other)
    assert_same(back, half)
    for grid, position in back.positions.items():
        assert torch.equal(position, back.labels[grid].mean.T.float())


def test_position_is_the_mean_label_of_each_token() -> None:
    totals = summed(small_places(), [0, 1])
    labels = torch.cat([small_labels(seed=seed)["depth"] for seed in (0, 1)])
    cells = labels.reshape(6, 2, 3, 3, 2).mean((0, 2, 4)).flatten()  # on a grid of 2 x 3
    torch.testing.assert_close(totals.positions[2, 3][1], cells)


def test_probes_are_ridge_regressions_of_each_target_and_property() -> None:
    places, strengths = small_places(), (1e-2, 1.0)
    totals = summed(places, [0, 1])
    probes = solve(totals, places, strengths)
    assert len(probes) == 5 * 2 * 2
    for place, probe in probes.items():
        solved = ridge(totals.moments[place], strengths).float()
        for s in range(2):
            for column, (t, k) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
                one, other = probe.pick(s, t, k), solved.pick(s, column)
                assert torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias)


def test_sums_of_other_places_are_refused() -> None:
    one = empty_totals(small_places())
    with pytest.raises(UnderpaintingError, match="other layers or steps"):
        one.merge(empty_totals(small_places(steps=3)))


def test_totals_take_as_many_bytes_as_told() -> None:
    places = small_places()
    totals = empty_totals(places)
    told, moments = totals_bytes(places.layers, places.steps * len(places.branches), len(places.properties))
    squares = [moment._second for moment in totals.moments.values()]
    sums = [*squares, *(moment._mean for moment in totals.moments.values())]
    means = [mean.mean for mean in (*totals.tokens.values(), *totals.labels.values())]
    assert moments == sum(tensor.nbytes for tensor in sums)
    assert told == moments + sum(tensor.nbytes for tensor in means)

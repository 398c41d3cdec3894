"""Changes of activations: what is carried, what controls keep, which rows are edited."""

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from underpainting.diffusion import Evaluation, Layer
from underpainting.intervention.changes import (
    along_others,
    carried,
    editing,
    erased,
    read_part,
    rotated,
    unread_part,
)
from underpainting.intervention.directions import direction_of
from underpainting.intervention.edit import Edit
from underpainting.intervention.moves import Move
from underpainting.probes import Moments, cell_means, erasing, ridge
from underpainting.vocabulary import Place

GRIDS = {"a": (4, 4), "b": (2, 2)}
PLACE = Place("a", 2, "conditional")


def changing(place: Place, x: Tensor) -> Tensor:
    return x.flip(-1) * 0.5 + 1


def test_carried_activations_are_the_unedited_ones_moved() -> None:
    before, x = torch.randn(2, 16, 3), torch.randn(2, 16, 3)
    moves = [Move(right=1 / 4), Move(down=-1 / 2)]
    whole = x + carried({PLACE: before}, moves, (32, 32), GRIDS, 1.0)(PLACE, x)
    torch.testing.assert_close(whole[0].reshape(4, 4, 3)[:, 1:], before[0].reshape(4, 4, 3)[:, :-1])
    torch.testing.assert_close(whole[1].reshape(4, 4, 3)[:2], before[1].reshape(4, 4, 3)[2:])
    assert not carried({PLACE: x}, [Move(), Move()], (32, 32), GRIDS, 2.0)(PLACE, x).any()


def test_in_halves_they_are_moved_as_far() -> None:
    """Places on a grid of 64 are not told apart by bfloat16."""
    x, moves = torch.randn(1, 64 * 64, 3), [Move(right=5 / 64)]
    grids = {"a": (64, 64)}
    whole = x + carried({PLACE: x}, moves, (512, 512), grids, 1.0)(PLACE, x)
    half = x.bfloat16()
    given = half + carried({PLACE: half}, moves, (512, 512), grids, 1.0)(PLACE, half)
    torch.testing.assert_close(given.float(), whole, atol=0.05, rtol=0.02)


def test_a_random_direction_keeps_every_tokens_norm_and_is_the_same_each_time() -> None:
    x = torch.randn(2, 16, 24)
    random, given = rotated(changing)(PLACE, x), changing(PLACE, x)
    torch.testing.assert_close(random.norm(dim=-1), given.norm(dim=-1))
    assert torch.cosine_similarity(random, given, dim=-1).abs().mean() < 0.5
    assert torch.equal(random, rotated(changing)(PLACE, x))
    torch.testing.assert_close(rotated(lambda place, x: 2 * changing(place, x))(PLACE, x), 2 * random)


def test_other_probes_get_as_much_where_the_target_differs() -> None:
    class Other:
        covariance = torch.tensor([[0.0], [3.0]])

    own, target = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    own[:, :, :4] = 1
    target[:, :, 4:] = 1
    x = torch.randn(1, 16, 2)
    more = {"a": cell_means(target - own, (4, 4))[..., None]}
    change = along_others(changing, lambda place: Other(), more)(PLACE, x)  # type: ignore[arg-type, return-value]
    torch.testing.assert_close(change.norm(dim=-1), changing(PLACE, x).norm(dim=-1))
    sides = change.reshape(4, 4, 2)
    assert (sides[:, 2:, 1] > 0).all() and (sides[:, :2, 1] < 0).all() and not sides[..., 0].any()


def test_a_change_parts_in_what_probes_read_and_what_they_do_not() -> None:
    """Against the projection along the covariance, written out."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 16, 6, generator=generator) @ torch.randn(6, 6, generator=generator)
    moments = Moments(6, 2)
    moments.update(x, x[..., :2] + 0.5 * torch.randn(2, 16, 2, generator=generator))
    direction = direction_of(ridge(moments, [1e-3]).pick(0).float(), moments, [0, 1])
    read, rest = (part(changing, lambda place: direction)(PLACE, x) for part in (read_part, unread_part))
    given, weight = changing(PLACE, x), direction.probe.weight
    torch.testing.assert_close(read + rest, given)
    torch.testing.assert_close(read @ weight, given @ weight, atol=1e-4, rtol=1e-4)
    spread = torch.cov(x.flatten(0, 1).T)
    along = spread @ weight @ torch.linalg.inv(weight.T @ spread @ weight)
    torch.testing.assert_close(read, given @ weight @ along.T, atol=1e-4, rtol=1e-4)


def test_erasing_takes_what_the_places_eraser_takes() -> None:
    x = torch.randn(2, 16, 3)
    moments = Moments(3, 1)
    moments.update(x, x[..., :1])
    erasers = {PLACE: erasing(moments, moments.sxy), Place("b", 2, "conditional"): None}
    given = x + erased(erasers.__getitem__)(PLACE, x)  # type: ignore[arg-type]
    torch.testing.assert_close(given, erasers[PLACE].apply(x))  # type: ignore[union-attr]
    assert not torch.allclose(given, x)
    nothing = erasing(moments, moments.sxy[:, :0])
    assert torch.equal(x.half() + erased(lambda place: nothing)(PLACE, x.half()).half(), x.half())


def test_only_the_asked_rows_layers_and_steps_are_edited_at_their_first_evaluations() -> None:
    layer = Layer("a", (4, 4), 3, path="path")
    edit = editing(changing, [layer], range(2, 4), ["conditional"])
    x, both = torch.randn(4, 16, 3), ("unconditional", "conditional")
    first = {step: Evaluation(2 * step, step, True, both) for step in (1, 2, 4)}
    for name, evaluation in (
        ("a", first[1]),
        ("a", first[4]),
        ("b", first[2]),
        ("a", Evaluation(5, 2, False, both)),
        ("a", Evaluation(4, 2, True, ("unconditional",))),  # of two calls, the other
    ):
        assert torch.equal(edit(name, evaluation, x), x)
    edited = edit("a", first[2], x)
    assert torch.equal(edited[:2], x[:2])
    torch.testing.assert_close(edited[2:], x[2:] + changing(PLACE, x[2:]))


def test_edits() -> None:
    assert Edit(first=2, last=4).late(15) == Edit(first=13, last=15)
    for wrong in ({"first": 3, "last": 2}, {"strength": -1}, {"kind": "push"}, {"force": 2}):
        with pytest.raises(ValidationError):
            Edit.model_validate(wrong)

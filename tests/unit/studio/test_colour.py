"""Scenes coloured together, against the same scenes composed one by one."""

import numpy as np
import pytest
import torch

from studio.colour import colour, coordinates, stack
from studio.compose import compose, draw, paint, pick
from studio.world import CLASSES, FLOORS, WALLS


def test_the_same_draws_give_the_same_pictures_on_every_floor_and_wall(renders) -> None:
    some = renders(6)
    surfaces = list(zip(FLOORS, WALLS, strict=True))
    surfaces.append((FLOORS[0], WALLS[1]))  # a floor twice in one batch, with other values
    drawn = [
        draw(CLASSES[i], np.random.default_rng(i), floor=floor, wall=wall)
        for i, (floor, wall) in enumerate(surfaces)
    ]
    ids, coords, shading = (torch.from_numpy(some[key]) for key in ("ids", "coords", "shading"))
    together = colour(ids, coords.float(), shading.float(), stack(drawn, torch.device("cpu"))).numpy()
    for i, one in enumerate(drawn):
        render = pick(some, i)
        alone, _ = paint(
            render["ids"], render["coords"].astype(np.float32), render["shading"].astype(np.float32), one
        )
        apart = np.abs(together[i].astype(int) - alone)
        assert (apart <= 2).mean() > 0.999, (one.floor, one.wall)
        assert alone.std() > 10  # there is something to see


def test_composing_draws_and_paints(renders) -> None:
    render = pick(renders(1), 0)
    made = compose(render, np.random.default_rng(3))
    drawn = draw(CLASSES[0], np.random.default_rng(3))
    assert (made.colour, made.floor, made.wall) == (drawn.colour, drawn.floor, drawn.wall)
    painted, albedo = paint(
        render["ids"], render["coords"].astype(np.float32), render["shading"].astype(np.float32), drawn
    )
    assert (made.picture == painted).all() and (made.albedo == albedo).all()


def test_coordinates_follow_each_parts_projective_map() -> None:
    ids = torch.tensor([[[0, 1], [2, 9]]], dtype=torch.uint8)
    planes = torch.zeros(1, 3, 8)
    planes[0, 0] = torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 0])  # the place itself
    planes[0, 1] = torch.tensor([0.0, 0, 3, 0, 0, 6, 0.5, 0])  # constants over 1 + x / 2
    planes[0, 2] = torch.tensor([0.0, 0, 1e6, 0, 0, -1e6, 0, 0])  # beyond what is kept
    found = coordinates(ids, planes)
    assert found[0, 0, 0].tolist() == [-0.5, -0.5]
    assert found[0, 0, 1].tolist() == pytest.approx([3 / 1.25, 6 / 1.25])
    assert found[0, 1].tolist() == [[60, -60], [0, 0]]

"""The estimator on the picture of each step, but for looks at which it fails."""

import torch

from tests.unit.study.places import DEPTH
from underpainting.controls import FinishedPicture, controls
from underpainting.errors import UnsoundPictures

LOOKS = ("noisy", "scaled", "clean")


def finished(bad: str = "", label: bool = True) -> FinishedPicture:
    """A picture of two steps in three looks; the estimator fails on the look of which all is dark."""
    generator = torch.Generator().manual_seed(0)
    frames = {
        look: torch.randint(1, 256, (2, 4, 5, 3), generator=generator).to(torch.uint8) for look in LOOKS
    }
    if bad:
        frames[bad].zero_()

    def light(pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        assert pictures.shape == (2, 3, 4, 5) and pictures.min() >= 0 and pictures.max() <= 1
        if not pictures.any():
            raise UnsoundPictures({0: "too dark"})
        return {"depth": pictures.mean(1)}

    return FinishedPicture(frames["clean"][1], frames, None, light if label else None, (DEPTH,))


def test_every_look_is_labelled() -> None:
    picture = finished()
    maps = controls()["estimator"].maps(picture)
    assert list(maps) == [f"estimator:{look}" for look in LOOKS]
    assert set(maps) == {source.key for source in controls()["estimator"].sources}
    for look in LOOKS:
        expected = picture.frames[look].float().mean(-1) / 255
        torch.testing.assert_close(maps[f"estimator:{look}"]["depth"], expected)


def test_a_look_that_it_fails_on_is_left_out() -> None:
    assert list(controls()["estimator"].maps(finished(bad="scaled"))) == [
        "estimator:noisy",
        "estimator:clean",
    ]


def test_it_looks_at_nothing_where_labels_were_brought_or_nothing_was_filmed() -> None:
    estimator, picture = controls()["estimator"], finished()
    assert estimator.maps(finished(label=False)) == {}
    assert estimator.maps(FinishedPicture(picture.picture, {}, None, picture.label, (DEPTH,))) == {}

"""Each wish's formula: 1 where it is met, 0 where nothing is, between them what its docstring says."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from underpainting.errors import UnderpaintingError
from underpainting.probes import Patches, dice
from underpainting.seeds.layout import Maps, on_grid
from underpainting.seeds.wish import Wish, boxed, judged, require_probes
from underpainting.seeds.wording import parse_wish, parse_wishes

SIDE = 32
DOWN, ACROSS = (torch.arange(SIDE)[:, None].expand(SIDE, SIDE), torch.arange(SIDE)[None].expand(SIDE, SIDE))


def nothing(name: str) -> Maps:
    raise UnderpaintingError(f"no picture {name!r}")


def parsed(text: str) -> Wish:
    return parse_wish(text, nothing)


def blob(across: float, down: float, half: float = 0.1) -> torch.Tensor:
    """A square object [1, row, column] about a place."""
    near = ((ACROSS + 0.5) / SIDE - across).abs().lt(half) & ((DOWN + 0.5) / SIDE - down).abs().lt(half)
    return near[None].float()


def scored(text: str, **maps: torch.Tensor) -> float:
    (score,) = parsed(text).score(maps).tolist()
    assert 0 <= score <= 1
    return float(score)


@pytest.mark.parametrize(
    ("text", "met", "missed"),
    [
        ("left third", (0.2, 0.7), (0.8, 0.7)),
        ("Right half", (0.75, 0.2), (0.25, 0.2)),
        ("top", (0.9, 0.25), (0.9, 0.8)),
        ("bottom quarter", (0.5, 0.84), (0.5, 0.3)),
        ("top left", (0.3, 0.3), (0.7, 0.7)),
        ("middle", (0.5, 0.5), (0.15, 0.5)),
        ("center 0.25,0.75", (0.25, 0.75), (0.5, 0.5)),
    ],
)
def test_a_place_is_met_inside_and_missed_by_the_distance(
    text: str, met: tuple[float, float], missed: tuple[float, float]
) -> None:
    assert scored(text, saliency=blob(*met)) == pytest.approx(1, abs=0.02)
    assert 0 < scored(text, saliency=blob(*missed)) < 0.9
    assert scored(text, saliency=blob(9, 9)) == 0


def test_a_place_is_missed_by_its_share_of_the_farthest_corner() -> None:
    score = scored("center 0.25,0.75", saliency=blob(0.75, 0.5))
    assert score == pytest.approx(1 - math.hypot(0.5, 0.25) / math.hypot(0.75, 0.75), abs=1e-6)
    score = scored("left quarter", saliency=blob(0.75, 0.5))
    assert score == pytest.approx(1 - 0.5 / 0.75, abs=1e-6)


def test_a_size_is_missed_by_how_many_times_it_is_too_large_or_small() -> None:
    quarter = blob(0.5, 0.5, 0.25)
    assert scored("size 0.25", saliency=quarter) == scored("large", saliency=quarter) == 1
    assert scored("size 0.5", saliency=quarter) == pytest.approx(0.5)
    assert scored("size 0.125", saliency=quarter) == pytest.approx(0.5)
    assert scored("small", saliency=quarter) == pytest.approx(0.08 / 0.25)
    assert scored("small", saliency=blob(0.5, 0.5, 0.1)) == 1
    assert scored("small", saliency=blob(9, 9)) == scored("large", saliency=blob(9, 9)) == 0


@given(st.integers(0, 2**SIDE - 1), st.integers(0, 2**SIDE - 1))
def test_boxes_and_masks_of_labels_are_scored_by_dice(rows: int, columns: int) -> None:
    bits = [torch.tensor([(number >> i) & 1 for i in range(SIDE)]) for number in (rows, columns)]
    label = torch.outer(bits[0], bits[1])[None].float()
    box = torch.zeros(1, SIDE, SIDE)
    box[:, 8:24, 4:20] = 1
    score = scored("box 0.125,0.25,0.625,0.75", saliency=label)
    assert score == pytest.approx(
        float(dice(label.flatten(1) > 0, Patches.of(box, (SIDE, SIDE)))[0]), abs=1e-9
    )


@given(st.floats(0, 0.7), st.floats(0, 0.7), st.floats(0.05, 0.3), st.floats(0.05, 0.3))
def test_a_box_is_met_by_itself_on_a_grid_of_tokens(
    left: float, top: float, wide: float, high: float
) -> None:
    wish = boxed("box", (left, top, left + wide, top + high))
    assert wish.outline is not None
    assert float(wish.outline.mean()) == pytest.approx(wide * high, abs=1e-9)
    assert wish.score({"saliency": on_grid(wish.outline[None], (16, 16))}).item() == pytest.approx(1)


def test_a_drawn_mask_is_wished_for_whatever_its_size(tmp_path: Path) -> None:
    drawn = blob(0.3, 0.6, 0.2)[0].numpy()
    Image.fromarray((drawn * 255).astype(np.uint8)).resize((96, 96), Image.Resampling.NEAREST).save(
        tmp_path / "drawn.png"
    )
    text = f"mask {tmp_path / 'drawn.png'}"
    assert scored(text, saliency=blob(0.3, 0.6, 0.2)) == pytest.approx(1)
    assert scored(text, saliency=blob(0.8, 0.2, 0.2)) == 0
    before = parsed(text).words
    Image.fromarray((1 - drawn).astype(np.uint8) * 255).save(tmp_path / "drawn.png")
    assert parsed(text).words != before  # what is drawn, not its name, is the wish


def test_near_and_far_are_what_the_picture_has_behind_and_before_the_object() -> None:
    there, depth = blob(0.5, 0.5), DOWN[None] / SIDE
    behind = float((depth < (there * depth).sum() / there.sum()).double().mean())
    assert scored("near", saliency=there, depth=depth) == pytest.approx(behind)
    assert scored("far", saliency=there, depth=depth) == pytest.approx(1 - behind)


def test_light_comes_from_where_the_object_is_lighter() -> None:
    there, shading = blob(0.5, 0.5, 0.3), 1 - ACROSS[None] / SIDE
    assert scored("lit from the left", saliency=there, shading=shading) == pytest.approx(1)
    assert scored("lit from right", saliency=there, shading=shading) == pytest.approx(0, abs=1e-9)
    assert scored("lit from above", saliency=there, shading=shading) == pytest.approx(0.5)
    assert scored("lit from below", saliency=there, shading=torch.ones(1, SIDE, SIDE)) == pytest.approx(0.5)
    assert scored("lit from below", saliency=blob(9, 9), shading=shading) == 0


def test_the_layout_of_a_picture_is_met_by_itself_alone() -> None:
    own = {"saliency": blob(0.3, 0.3, 0.2), "depth": DOWN[None] / SIDE}
    wish = parse_wish("like prompt_0_seed_7", {"prompt_0_seed_7": own}.__getitem__)
    assert wish.properties == ("saliency", "depth")
    assert wish.score(own).item() == pytest.approx(1)
    other = {"saliency": blob(0.8, 0.8), "depth": -own["depth"]}
    assert wish.score(other).item() == pytest.approx(0, abs=1e-9)


def test_several_wishes_count_by_their_weights() -> None:
    wish = parse_wishes(["left quarter * 3", "large"], nothing)
    there = blob(0.75, 0.5, 0.125)
    wanted = (3 * scored("left quarter", saliency=there) + scored("large", saliency=there)) / 4
    assert wish.score({"saliency": there}).item() == pytest.approx(wanted)
    assert wish.words == "left quarter * 3, large" and wish.properties == ("saliency",)


def test_a_function_of_the_maps_is_a_wish() -> None:
    wish = parse_wishes([lambda maps: maps["saliency"].mean((1, 2)), "left"], nothing)
    there = torch.cat([blob(0.3, 0.5), blob(0.3, 0.5, 0.2)])
    assert wish.score({"saliency": there}).tolist() == pytest.approx(
        [(float(of.mean()) + 1) / 2 for of in there]
    )
    for wrong in (lambda maps: 2 * torch.ones(2), lambda maps: 0.5, lambda maps: maps["light"]):
        with pytest.raises(UnderpaintingError, match="wish mine"):
            judged("mine", wrong).score({"saliency": there})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("center 1.2,0.5", "lies outside the picture"),
        ("box -0.1,0,1,1", "lies outside the picture"),
        ("box 0.5,0,0.4,1", "a box of nothing"),
        ("box 0.1,0.2", "not 4 numbers"),
        ("size 0", "above 0, below 1"),
        ("size huge", "not a number"),
        ("lfet third", "did you mean 'left'?"),
        ("zebra", "unknown word 'zebra'; wish for a place"),
        ("third", "says nothing that can be found"),
        ("lit", "says nothing that can be found"),
        ("left right", "contradicts itself"),
        ("middle left", "contradicts itself"),
        ("left * -1", "give one above 0"),
        ("left * much", "not a number"),
        ("mask nowhere.png", "nowhere.png"),
        ("no_such_module:score", "cannot be imported"),
        ("like prompt_7", "no picture"),
        ("", "says nothing that can be found"),
    ],
)
def test_what_is_no_wish_is_told_in_one_line(text: str, line: str) -> None:
    with pytest.raises(UnderpaintingError) as caught:
        parsed(text)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_empty_masks_and_no_wish_are_refused(tmp_path: Path) -> None:
    Image.new("L", (32, 32)).save(tmp_path / "black.png")
    with pytest.raises(UnderpaintingError, match="all of one colour"):
        parsed(f"mask {tmp_path / 'black.png'}")
    with pytest.raises(UnderpaintingError, match="no wish is given"):
        parse_wishes([], nothing)
    with pytest.raises(UnderpaintingError, match="3 is no wish"):
        parse_wishes([3], nothing)
    with pytest.raises(
        UnderpaintingError, match="needs depth, of which demo has no probes; it has those of saliency"
    ):
        require_probes(parsed("near"), ["saliency"], "demo")

"""A mask means the same in whatever file or array it comes; what may mean several things is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from underpainting.errors import UnderpaintingError
from underpainting.records.masks import mask_of, read_mask

SIZE = 64
ACROSS, DOWN = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
AWAY = np.hypot(ACROSS - 31.5, DOWN - 31.5)
DISC = AWAY < 18
INNER = AWAY < 8
GREY = DISC.astype(np.uint8) * 255
SMOOTH = Image.fromarray(np.clip((18 - AWAY) * 64 + 128, 0, 255).astype(np.uint8))
PHOTO = (np.dstack([ACROSS, DOWN, ACROSS ^ DOWN]) * 3 + 40).astype(np.uint8)


def alpha(colours: np.ndarray | int, opacity: np.ndarray = GREY) -> Image.Image:
    """RGBA of colours, or of one grey, under an opacity."""
    return Image.fromarray(np.dstack([np.broadcast_to(colours, (SIZE, SIZE, 3)).astype(np.uint8), opacity]))


def palette(indices: np.ndarray, *colours: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8), mode="P")
    image.putpalette([part for colour in colours for part in colour])
    return image


BLACK, RED, GREEN, YELLOW = (0, 0, 0), (128, 0, 0), (0, 128, 0), (224, 224, 192)
KINDS: dict[str, tuple[str, Callable[[], Image.Image]]] = {
    "bits": ("png", lambda: Image.fromarray(DISC)),
    "black and white": ("png", lambda: Image.fromarray(GREY)),
    "labels 0 and 1": ("png", lambda: Image.fromarray(DISC.astype(np.uint8))),
    "labels 3 and 7": ("png", lambda: Image.fromarray(np.where(DISC, 7, 3).astype(np.uint8))),
    "16 bits on a ground of 300": (
        "png",
        lambda: Image.fromarray(np.where(DISC, 65535, 300).astype(np.uint16)),
    ),
    "16 bits, the other byte order": ("tif", lambda: Image.fromarray((GREY * 256.0).astype(">u2"))),
    "labels of 16 bits": ("png", lambda: Image.fromarray(DISC.astype(np.uint16))),
    "32 bits": ("tif", lambda: Image.fromarray(DISC.astype(np.int32) * 9)),
    "floating point": ("tif", lambda: Image.fromarray(DISC.astype(np.float32))),
    "floating point below 0": ("tif", lambda: Image.fromarray(DISC.astype(np.float32) * 2 - 5)),
    "dark red of a palette": ("png", lambda: palette(DISC, BLACK, RED)),
    "a palette whose ground is clear": ("png", lambda: palette(DISC, RED, RED)),
    "blue": ("png", lambda: Image.fromarray(DISC[..., None] * np.array([0, 0, 255], np.uint8))),
    "blue, opaque": ("png", lambda: alpha(DISC[..., None] * np.array([0, 0, 255]), GREY * 0 + 255)),
    "white, the ground clear": ("png", lambda: alpha(255)),
    "black, the ground clear": ("png", lambda: alpha(0)),
    "grey with alpha": ("png", lambda: alpha(128).convert("LA")),
    "colours cut out of a photograph": ("png", lambda: alpha(PHOTO)),
    "white on hidden black, soft": ("png", lambda: alpha(np.asarray(SMOOTH)[..., None], np.asarray(SMOOTH))),
    "inks": ("tif", lambda: Image.fromarray(GREY).convert("RGB").convert("CMYK")),
    "smooth edges": ("png", lambda: SMOOTH),
    "JPEG": ("jpg", lambda: Image.fromarray(GREY)),
    "JPEG, saved as PNG": ("jpg.png", lambda: Image.fromarray(GREY)),
    "JPEG of colours": (
        "jpg",
        lambda: Image.fromarray(np.where(DISC[..., None], (30, 200, 90), (10, 20, 60)).astype(np.uint8)),
    ),
    "WEBP": ("webp", lambda: Image.fromarray(GREY)),
    "GIF": ("gif", lambda: Image.fromarray(GREY)),
}


@pytest.mark.filterwarnings("ignore:.*mode.*:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_the_same_mask(kind: str, tmp_path: Path) -> None:
    suffix, make = KINDS[kind]
    path = tmp_path / f"mask.{suffix}"
    options = {"transparency": 0} if "ground is clear" in kind and "palette" in kind else {}
    if suffix == "jpg.png":
        make().save(tmp_path / "first.jpg")
        Image.open(tmp_path / "first.jpg").save(path)
    else:
        make().save(path, **options)
    mask = read_mask(path)
    assert mask.dtype == bool and mask.shape == DISC.shape
    edges = (np.abs(AWAY - 18) < 1.5) if suffix in ("jpg", "jpg.png", "webp") else False
    assert not ((mask != DISC) & ~np.asarray(edges)).any()


def test_a_soft_brush_is_cut_midway(tmp_path: Path) -> None:
    for radius in (2, 6):
        Image.fromarray(GREY).filter(ImageFilter.GaussianBlur(radius)).save(tmp_path / "soft.png")
        assert not ((read_mask(tmp_path / "soft.png") != DISC) & (np.abs(AWAY - 18) > 2)).any()


def test_a_small_object_of_a_photograph_is_not_lost_in_its_noise(tmp_path: Path) -> None:
    for quality in (30, 75, 95):
        Image.fromarray((AWAY < 2.6).astype(np.uint8) * 255).save(tmp_path / "dot.jpg", quality=quality)
        mask = read_mask(tmp_path / "dot.jpg")
        assert mask[AWAY < 1.6].all() and not mask[AWAY > 4].any()


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_turned_photograph_is_seen_as_viewers_show_it(suffix: str, tmp_path: Path) -> None:
    half = GREY * (DOWN < 32)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(half)))
    stored.save(tmp_path / f"mask.{suffix}", exif=exif, quality=100)
    assert not ((read_mask(tmp_path / f"mask.{suffix}") != (half > 0)) & (np.abs(AWAY - 18) > 1.5)).any()


@pytest.mark.parametrize(("level", "kind"), [(255, np.uint8), (65535, np.uint16), (1, np.float32)])
def test_black_all_over_is_nothing_and_white_everything(level: int, kind: type, tmp_path: Path) -> None:
    for share in (0, 1):
        Image.fromarray(np.full((8, 8), level * share, kind)).save(tmp_path / "all.tif")
        assert (read_mask(tmp_path / "all.tif") == share).all()


def labels(*levels: float, kind: type = np.uint8) -> Image.Image:
    """A ground, a ring and a disc."""
    ground, ring, disc = levels
    return Image.fromarray(np.where(INNER, disc, np.where(DISC, ring, ground)).astype(kind))


RAMP = np.tile(np.arange(SIZE) * 4, (SIZE, 1))
SEVERAL, EITHER = "has areas of more than two levels", "either may be the object"
UNCLEAR, ONE = "neither dark nor bright", "all of one colour; make white"
REFUSED: dict[str, tuple[Callable[[], Image.Image], str]] = {
    "labels 0, 1, 2": (lambda: labels(0, 1, 2), SEVERAL + r" \(0, 1 and 2\)"),
    "labels 0, 1, and 255 to ignore": (lambda: labels(255, 0, 1), SEVERAL + r" \(0, 1 and 255\)"),
    "labels 0, 15, and 255 to ignore": (lambda: labels(0, 255, 15), SEVERAL),
    "labels of 16 bits": (lambda: labels(0, 40_000, 65_535, kind=np.uint16), SEVERAL),
    "labels in floating point": (lambda: labels(0, 0.5, 1, kind=np.float32), SEVERAL),
    "fifty labels": (lambda: Image.fromarray((ACROSS // 8 * 8 + DOWN // 8).astype(np.uint8)), SEVERAL),
    "labels in JPEG": (lambda: labels(0, 128, 255).resize((256, 256), Image.Resampling.NEAREST), SEVERAL),
    "three colours of a palette": (lambda: palette(DISC * 1 + INNER, BLACK, RED, YELLOW), SEVERAL),
    "dark colours of a palette": (lambda: palette(DISC * 1 + INNER, BLACK, RED, GREEN), SEVERAL),
    "white on black on clear": (lambda: alpha(INNER[..., None] * 255), EITHER),
    "black on white on clear": (lambda: alpha(~INNER[..., None] * 255), EITHER),
    "three opacities": (lambda: alpha(255, np.asarray(labels(0, 128, 255))), SEVERAL),
    "clear all over": (lambda: alpha(255, GREY * 0), "is transparent all over"),
    "a photograph": (lambda: Image.fromarray(PHOTO), UNCLEAR),
    "a ramp of floating point": (lambda: Image.fromarray((RAMP + DOWN / 99).astype(np.float32)), UNCLEAR),
    "grey all over": (lambda: Image.new("L", (8, 8), 77), ONE),
    "label 1 all over": (lambda: Image.new("L", (8, 8), 1), ONE),
    "noise of a JPEG": (lambda: Image.fromarray(PHOTO[..., 0] // 99), "is nearly all of one colour"),
    "red all over": (lambda: Image.new("RGB", (8, 8), RED), ONE),
    "not finite": (lambda: Image.fromarray(np.where(DISC, np.nan, 0).astype(np.float32)), "not finite"),
}


@pytest.mark.filterwarnings("ignore:.*mode.*:DeprecationWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_may_mean_several_things_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    make, message = REFUSED[kind]
    image = make()
    path = tmp_path / f"mask.{'jpg' if 'JPEG' in kind else 'tif' if image.mode == 'F' else 'png'}"
    image.save(path)
    with pytest.raises(UnderpaintingError, match=message) as caught:
        read_mask(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [DISC, DISC * 1, DISC * 255, DISC * 1.0, DISC.astype(np.float16), torch.from_numpy(DISC), DISC.tolist()],
    ids=["bool", "int", "255", "float", "float16", "tensor", "lists"],
)
def test_arrays_are_masks_by_the_same_rule(values: Any) -> None:
    assert np.array_equal(mask_of(values), DISC)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 4, 3)), r"mask array is float64 \[4, 4, 3\]"),
        (np.zeros((0, 4)), r"\[0, 4\]"),
        (np.zeros(4), r"\[4\]"),
        (3, r"int64 \[\]"),
        (np.full((4, 4), None), "object"),
        (np.full((4, 4), "a"), "give numbers or booleans"),
        (np.full((4, 4), 1j), "complex128"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.where(DISC, np.inf, 0), "not finite"),
        (np.full((4, 4), 7), "all of one colour"),
        (np.asarray(labels(0, 1, 2)), SEVERAL),
        (RAMP + DOWN / 99, UNCLEAR),
    ],
)
def test_arrays_that_are_no_masks_are_refused(values: Any, message: str) -> None:
    with pytest.raises(UnderpaintingError, match=message):
        mask_of(values)

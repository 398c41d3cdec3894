"""Wishes in words, as the command line takes them."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from underpainting.errors import UnderpaintingError, suggested
from underpainting.intervention.masks import drawn_mask
from underpainting.observers.own import import_own
from underpainting.seeds.layout import Maps
from underpainting.seeds.wish import (
    LARGE,
    SIDES,
    SMALL,
    Box,
    Wish,
    alike,
    boxed,
    distant,
    joined,
    judged,
    lit,
    masked,
    placed,
    sized,
)
from underpainting.vocabulary import SEEDS

SHARES = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4}
EDGES = ("left", "right", "top", "bottom", "middle")
CENTRES = ("center", "centre")
KEYS = ("size", "box", "mask", "like", *CENTRES)
WORDS = (*EDGES, *SHARES, *KEYS, "large", "small", "near", "far", "lit")
PLACE = "left third, right half, top, bottom quarter, top left, middle"
KINDS = (
    f"a place ({PLACE}; center X,Y), a size (large, small, size SHARE), box LEFT,TOP,RIGHT,BOTTOM, "
    "mask FILE, near, far, lit from the left, like PICTURE, or MODULE:FUNCTION"
)
"""What a wish may be, for help and errors."""

MOST_SEEDS = 100_000
"""Seeds of one search or preview."""

LayoutOf = Callable[[str], Maps]
"""From a picture's name to its maps, [1, row, column] by property."""


def parse_wishes(wishes: Sequence[Any], layout_of: LayoutOf) -> Wish:
    """Several wishes as one: words as in `parse_wish`, functions of maps, or wishes.

    layout_of: gives the layout of a picture that is wished for, or raises UnderpaintingError. Raises
    UnderpaintingError where there is none, or one is none.
    """
    if not wishes:
        raise UnderpaintingError(f"no wish is given: wish for {KINDS}")
    return joined([_wish(of, layout_of) for of in wishes])


def parse_wish(text: str, layout_of: LayoutOf) -> Wish:
    """A wish in words (see `KINDS`), with a weight after a star where it is not to count for 1, such as
    `left third * 2`.

    Raises UnderpaintingError where it lies outside the picture, is of nothing, or has unknown words.
    """
    words, star, weight = text.rpartition("*")
    if not star:
        return _weightless(" ".join(text.split()), layout_of)
    (number,) = _numbers(weight, 1, text)
    if not number > 0:
        raise UnderpaintingError(f"wish {text!r} has the weight {number:g}: give one above 0")
    wish = _weightless(" ".join(words.split()), layout_of)
    return replace(wish, words=f"{wish.words} * {number:g}", weight=number)


def parse_seeds(text: str) -> list[int]:
    """Seeds in words: `0:64`, the last not among them, or numbers with commas between.

    Raises UnderpaintingError where they are no range, none, or one is there twice.
    """
    first, colon, last = text.partition(":")
    try:
        seeds = list(range(int(first), int(last))) if colon else [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    return checked_seeds(seeds, text)


def checked_seeds(seeds: Sequence[int], what: object) -> list[int]:
    """Seeds, each a whole number from 0 on and there once. Raises UnderpaintingError where they are not."""
    whole = all(isinstance(seed, Integral) and 0 <= seed < SEEDS for seed in seeds)
    if not seeds or not whole or len(set(seeds)) < len(seeds) or len(seeds) > MOST_SEEDS:
        raise UnderpaintingError(
            f"seeds {what} are no range: give FIRST:END, such as 0:64 for the seeds 0 to 63, or whole "
            f"numbers from 0 on with commas between, each once, {MOST_SEEDS} at most"
        )
    return [int(seed) for seed in seeds]


def _wish(given: Any, layout_of: LayoutOf) -> Wish:
    if isinstance(given, Wish):
        return given
    if isinstance(given, str):
        return parse_wish(given, layout_of)
    if callable(given):
        module, name = getattr(given, "__module__", ""), getattr(given, "__qualname__", type(given).__name__)
        return judged(f"{module}:{name}{_source(given)}", given)
    raise UnderpaintingError(f"{given!r} is no wish: give {KINDS}")


def _weightless(text: str, layout_of: LayoutOf) -> Wish:
    key, _, rest = text.partition(" ")
    match key.lower():
        case "size":
            (share,) = _numbers(rest, 1, text)
            if not 0 < share < 1:
                raise UnderpaintingError(f"wish {text!r}: a size is a share of the picture above 0, below 1")
            return sized(text, share, share)
        case "center" | "centre":
            across, down = _inside(_numbers(rest, 2, text), text)
            return placed(text, (across, down, across, down))
        case "box":
            return boxed(text, _box(rest, text))
        case "mask":
            mask = drawn_mask(Path(rest).expanduser())
            return masked(f"{text} ({_digest(mask.numpy())})", mask)
        case "like":
            layout = layout_of(rest)
            return alike(f"{text} ({_digest(*(of.numpy() for of in layout.values()))})", layout)
    if ":" in text and " " not in text:
        own = import_own("wish", text)
        return judged(f"{text}{_source(own)}", own)
    return _of_words(text)


def _of_words(text: str) -> Wish:
    words = re.findall(r"[a-z]+", text.lower())
    if unknown := [word for word in words if word not in (*WORDS, *SIDES, "from", "the")]:
        meant = suggested(unknown[0], [*WORDS, *SIDES]) or f"wish for {KINDS}"
        raise UnderpaintingError(f"wish {text!r}: unknown word {unknown[0]!r}; {meant}")
    match words:
        case ["large"]:
            return sized(text, LARGE, 1)
        case ["small"]:
            return sized(text, 1e-9, SMALL)
        case ["near" | "far" as which]:
            return distant(text, near=which == "near")
        case ["lit", "from", *_, side] if side in SIDES:
            return lit(text, side)
    share = SHARES[words[-1]] if words and words[-1] in SHARES else None
    edges = words[:-1] if share else words
    if not edges or set(edges) - set(EDGES):
        raise UnderpaintingError(f"wish {text!r} says nothing that can be found: wish for {KINDS}")
    return placed(text, _region(edges, share, text))


def _region(edges: Sequence[str], share: float | None, text: str) -> Box:
    """Where the object's middle may be: towards each edge half of the picture, or the share that is said."""
    left, top, right, bottom = 0.0, 0.0, 1.0, 1.0
    side = share or SHARES["half"]
    for edge in edges:
        match edge:
            case "left":
                right = side
            case "right":
                left = 1 - side
            case "top":
                bottom = side
            case "bottom":
                top = 1 - side
            case "middle":
                side = share or SHARES["third"]
                left = top = (1 - side) / 2
                right = bottom = (1 + side) / 2
    if left >= right or top >= bottom or (len(edges) > 1 and "middle" in edges):
        raise UnderpaintingError(f"wish {text!r} contradicts itself: name one side, or two that meet")
    return left, top, right, bottom


def _box(numbers: str, text: str) -> Box:
    left, top, right, bottom = _inside(_numbers(numbers, 4, text), text)
    if left >= right or top >= bottom:
        raise UnderpaintingError(f"wish {text!r} is a box of nothing: give left, top, right, bottom in order")
    return left, top, right, bottom


def _inside(numbers: list[float], text: str) -> list[float]:
    if any(not 0 <= number <= 1 for number in numbers):
        raise UnderpaintingError(
            f"wish {text!r} lies outside the picture: give shares of its width and height from 0 to 1"
        )
    return numbers


def _numbers(text: str, count: int, wish: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not np.isfinite(numbers).all():
        what = "a number" if count == 1 else f"{count} numbers with commas between"
        raise UnderpaintingError(f"wish {wish!r}: {text.strip()!r} is not {what}")
    return numbers


def _digest(*arrays: Any) -> str:
    """A few letters that are other ones where arrays are."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(of).tobytes() for of in arrays)).hexdigest()[:8]


def _source(function: Any) -> str:
    """The same of a function's text, in parentheses; nothing where it is not to be had."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return ""
    return f" ({hashlib.sha256(text.encode()).hexdigest()[:8]})"

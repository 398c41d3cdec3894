"""Fit, calibrate and test: split by prompt, so that no prompt is in two."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from underpainting.errors import UnderpaintingError
from underpainting.study.request.config import SplitConfig
from underpainting.vocabulary import SPLITS


class TooFewPrompts(UnderpaintingError):
    """Prompts are too few to be split."""


def split_prompts(prompts: Sequence[str], config: SplitConfig) -> list[str]:
    """Name the split of every picture from its prompt's text; prompts that are alike are given as one.

    Distinct prompts are put in an order that only their text and the split's seed decide, then cut by the
    shares; each split gets at least one prompt, fit at least two pictures. Raises TooFewPrompts where they
    are too few.
    """
    distinct = _shuffled(prompts, config.seed)
    if len(distinct) < len(SPLITS) or len(prompts) < len(SPLITS) + 1:
        raise TooFewPrompts(
            f"{len(prompts)} pictures of {len(distinct)} prompts are too few to fit, calibrate and test; "
            "give at least 4 pictures of 3 prompts"
        )
    count = len(distinct)
    test = max(1, round(count * config.test))
    calibrate = max(1, round(count * config.calibrate))
    fit = count - test - calibrate
    while fit < 1 or (fit == 1 and count > 3):
        test, calibrate = (test - 1, calibrate) if test >= calibrate else (test, calibrate - 1)
        fit += 1
    if fit == 1:  # three prompts: the one with most pictures fits
        distinct.sort(key=lambda prompt: -prompts.count(prompt))
    names = ["fit"] * fit + ["calibrate"] * calibrate + ["test"] * test
    of = dict(zip(distinct, names, strict=True))
    return [of[prompt] for prompt in prompts]


def split_beside(prompts: Sequence[str], config: SplitConfig) -> list[str]:
    """As `split_prompts` where other pictures test: fit or calibrate, in the proportion of their shares.

    Raises TooFewPrompts where they are too few.
    """
    distinct = _shuffled(prompts, config.seed)
    if len(distinct) < 2:
        raise TooFewPrompts("pictures of one prompt are too few to fit and calibrate; give two or more")
    share = config.calibrate / (config.fit + config.calibrate)
    calibrate = set(distinct[: min(max(1, round(len(distinct) * share)), len(distinct) - 1)])
    return ["calibrate" if prompt in calibrate else "fit" for prompt in prompts]


def _shuffled(prompts: Sequence[str], seed: int) -> list[str]:
    """Distinct prompts in an order that only their text and a seed decide."""
    return sorted(set(prompts), key=lambda prompt: hashlib.sha256(f"{seed}\n{prompt}".encode()).digest())

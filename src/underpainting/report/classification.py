"""When pictures are recognised: what the page says and draws of classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from underpainting.findings.classification import (
    NOISY,
    Accuracy,
    NoiseAnswer,
    Recognised,
    accuracies,
    noise_answer,
    recognised,
)
from underpainting.findings.intervals import ENOUGH
from underpainting.report.class_figures import curves_figure
from underpainting.report.contents import Contents
from underpainting.report.tables import number
from underpainting.vocabulary import from_step

LOOKED_AT = {
    "noisy": "noisy pictures",
    "clean": "predicted clean pictures",
    "final": "finished pictures",
}


def recognition_section(contents: Contents, shown: list[str]) -> dict[str, Any] | None:
    """What the page says and draws of classification; None where there is none.

    shown: the gallery's images.
    """
    known = [seen for seen in contents.seen if seen.right]
    if not known:
        return None
    rows, (layer, probe) = recognised(known), contents.class_probe
    accuracy, last = [*probe, *accuracies(known)], contents.scores.steps
    films = []
    for at, image in enumerate(shown):
        mine = [seen for seen in known if seen.image == image and seen.steps[0] > 0]
        if mine:
            words = "; ".join(_when(row, last) for row in rows if row.image == image)
            parts = [
                {
                    "look": seen.picture,
                    "caption": LOOKED_AT[seen.picture],
                    "wide": curves_figure(seen).inline(),
                    "narrow": curves_figure(seen, narrow=True).inline(),
                    "data": f"classes-{image}-{seen.picture}",
                }
                for seen in mine
            ]
            films.append({"at": at, "prompt": mine[0].prompt, "words": words, "parts": parts})
    readers = {"probe": f"class probe at {layer}", **LOOKED_AT}
    return {
        "classifier": contents.study.config.labels.classifier,
        "filmed": len({row.image for row in rows}),
        "layer": layer,
        "sentences": (*_baseline(noise_answer(known), rows), *_sentences(rows, accuracy, layer, last)),
        "accuracies": accuracy,
        "readers": readers,
        "films": films,
    }


def _when(row: Recognised, last: int) -> str:
    """From which step one picture is recognised; or that noise is called so too, and no step counts."""
    if row.noise:
        return f"{LOOKED_AT[row.picture]}: {row.right} is what noise is called too, so that no step counts"
    return f"{LOOKED_AT[row.picture]}: {from_step(row.first, last)}"


def _baseline(noise: NoiseAnswer | None, rows: Sequence[Recognised]) -> list[str]:
    """What the classifier calls noise, and what is therefore left out."""
    if noise is None:
        return []
    left = sum(row.noise for row in rows)
    films = "The noisy film of one is" if left == 1 else f"The {left} noisy films of one are"
    marked = f"{films} marked and left out of \u201cright for good\u201d" if left else "No prompt names it"
    return [
        f"Its baseline is what it calls pure noise, which the noisy picture of step 1 is: {noise.name}, in "
        f"{_percent(noise.share)} of {noise.pictures} pictures, with a mean probability of "
        f"{number(noise.probability)}. {marked}."
    ]


def _sentences(
    rows: Sequence[Recognised], accuracy: Sequence[Accuracy], layer: str, last: int
) -> tuple[str, ...]:
    """When the right class is there, in words: by the classifier in each look, and by the class probe."""
    sentences = []
    for look in (NOISY, "clean"):
        first = [row.first or np.inf for row in rows if row.picture == look and not row.noise]
        if first:
            median = np.percentile(first, 50, method="inverted_cdf")
            never = sum(value == np.inf for value in first)
            when = from_step(int(median) if np.isfinite(median) else None, last)
            few = ", which are few" if len(first) < ENOUGH else ""
            more = f"; in {never} it is not by the last step" if never else ""
            median_of = f"median of {len(first)}{few}"
            sentences.append(
                f"On {LOOKED_AT[look]} the right class is first for good {when} ({median_of}){more}."
            )
    probe = [row for row in accuracy if row.picture == "probe"]
    if probe:
        begin, end = (_percent(row.accuracy) for row in (probe[0], probe[-1]))
        sentences.append(
            f"A linear probe of the mean activation at {layer} names it for {begin} of the test pictures at "
            f"step 1 and for {end} at the last; the prompt, which the network is told, may be all it reads."
        )
    return tuple(sentences)


def _percent(share: float) -> str:
    return f"{round(100 * share)}\u00a0%"

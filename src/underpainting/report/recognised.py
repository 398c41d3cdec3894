"""When pictures are recognised: what the page says and draws of classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from underpainting.findings.classification import (
    Accuracy,
    Recognised,
    accuracies,
    recognised,
)
from underpainting.report.figures import curves_figure
from underpainting.report.reading import Study

LOOKED_AT = {
    "noisy": "noisy pictures",
    "clean": "predicted clean pictures",
    "final": "finished pictures",
}


def recognition_section(study: Study, shown: list[str]) -> dict[str, Any] | None:
    """What the page says and draws of classification; None where there is none.

    shown: the gallery's images.
    """
    known = [of for of in study.seen if of.right]
    if not known:
        return None
    rows, (layer, probe) = recognised(known), study.class_probe
    accuracy = [*probe, *accuracies(known)]
    films = []
    for at, image in enumerate(shown):
        mine = [of for of in known if of.image == image and of.steps[0] > 0]
        steps = {row.picture: row.first or "never" for row in rows if row.image == image}
        if mine:
            words = "; ".join(f"{LOOKED_AT[look]} from step {step}" for look, step in steps.items())
            parts = [
                {
                    "look": of.picture,
                    "caption": LOOKED_AT[of.picture],
                    "wide": curves_figure(of).inline(),
                    "narrow": curves_figure(of, narrow=True).inline(),
                    "data": f"classes-{image}-{of.picture}",
                }
                for of in mine
            ]
            films.append({"at": at, "prompt": mine[0].prompt, "words": words, "parts": parts})
    readers = {"probe": f"class probe at {layer}", **LOOKED_AT}
    return {
        "classifier": study.settings.get("labels", {}).get("classifier", ""),
        "filmed": len({row.image for row in rows}),
        "layer": layer,
        "sentences": _sentences(rows, accuracy, layer),
        "accuracies": accuracy,
        "readers": readers,
        "films": films,
    }


def _sentences(rows: Sequence[Recognised], accuracy: Sequence[Accuracy], layer: str) -> tuple[str, ...]:
    """When the right class is there, in words: by the classifier in each look, and by the class probe."""
    sentences = []
    for look in ("noisy", "clean"):
        first = [row.first or np.inf for row in rows if row.picture == look]
        if first:
            median = np.percentile(first, 50, method="inverted_cdf")
            never = sum(value == np.inf for value in first)
            when = f"from step {median:.0f}" if np.isfinite(median) else "never"
            more = f"; in {never} of {len(first)} it never is" if never else ""
            sentences.append(f"On {LOOKED_AT[look]} the right class is first for good {when} (median){more}.")
    probe = [row for row in accuracy if row.picture == "probe"]
    if probe:
        begin, end = (f"{round(100 * row.accuracy)}\u00a0%" for row in (probe[0], probe[-1]))
        sentences.append(
            f"A linear probe of the mean activation at {layer} names it for {begin} of the test pictures at "
            f"step 1 and for {end} at the last; the prompt, which the network is told, may be all it reads."
        )
    return tuple(sentences)

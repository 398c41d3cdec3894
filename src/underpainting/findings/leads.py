"""By how many steps the probe is ahead of each rival, picture by picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import bdtr

from underpainting.controls import rivals
from underpainting.findings.cubes import Scores
from underpainting.findings.intervals import Floats, mean
from underpainting.findings.steps import SHARE, at_bar
from underpainting.records import LEADS, table_of_rows


def leads_table(
    test: Scores, metrics: Mapping[str, str], layers: Mapping[str, str], share: float = SHARE
) -> pa.Table:
    """The probe's lead over every rival at each property's best layer.

    metrics, layers: the main metric and the best layer of each property. All readers and pictures have one
    bar, a share of the probe's last mean score, as the criterion `bar` of emergence: a bar of each picture's
    own last score would be one that the probe always reaches and a rival need not. Never at the bar counts
    as one step after the last.
    """
    leads = {
        (source, name): lead
        for source in rivals()
        for name, metric in metrics.items()
        if source != "probe" and (name, metric, source) in test.cubes
        for lead in [_leads(test, name, metric, source, layers[name], share)]
        if np.isfinite(lead).any()
    }
    tests = [sign_test(lead, test.prompts) for lead in leads.values()]
    adjusted = holm([p for _, _, p in tests])
    rows = []
    for ((source, name), lead), tested, p_holm in zip(leads.items(), tests, adjusted, strict=True):
        by = mean(lead, test.prompts)
        rows.append((name, layers[name], source, by.pictures, *by.within, *tested, p_holm))
    return table_of_rows(LEADS, rows)


def sign_test(lead: Floats, prompts: NDArray[np.int64]) -> tuple[int, int, float]:
    """Prompts whose pictures' mean lead [picture] is above and below zero, and the two-sided p of it.

    One sign a prompt, as pictures of one prompt are not independent; NaN and zero are left out.
    """
    seen = np.isfinite(lead)
    means = np.array([lead[seen & (prompts == prompt)].mean() for prompt in np.unique(prompts[seen])])
    ahead, behind = int((means > 0).sum()), int((means < 0).sum())
    return ahead, behind, min(1.0, 2 * float(bdtr(min(ahead, behind), ahead + behind, 0.5)))


def holm(p: Sequence[float]) -> list[float]:
    """P-values adjusted for their number by Holm's step-down method (Holm 1979)."""
    order = np.argsort(p)
    scaled = np.array(p)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(value) for value in adjusted]


def _leads(test: Scores, name: str, metric: str, source: str, layer: str, share: float) -> Floats:
    """Steps [picture] by which the probe is at the bar before a rival; NaN where undefined."""
    i = test.layers.index(layer)
    probe, other = (test.cubes[name, metric, key][i, 1:].T for key in ("probe", source))
    last = probe[:, -1]
    if not np.isfinite(last).any() or np.nanmean(last) <= 0:
        return np.full(len(probe), np.nan)
    bar = np.array(share * np.nanmean(last))
    step, late = (np.where(s == 0, test.steps + 1, s) for s in (at_bar(probe, bar), at_bar(other, bar)))
    seen = np.isfinite(last) & np.isfinite(other).any(1)
    return np.where(seen, (late - step).astype(np.float64), np.nan)

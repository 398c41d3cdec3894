"""Tests and intervals where the answer is known: no surer than they say (`python -m benchmarks.levels`)."""

import pytest

from benchmarks import levels


@pytest.mark.slow
@pytest.mark.parametrize("part", [part for part in levels.PARTS if part not in ("distances", "variance")])
def test_levels_hold(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 200 studies a share of 0.05 is told from 0.10, and one of 0.95 from 0.88."""
    monkeypatch.setattr(levels, "SIZES", (20, 57))
    for row in levels.simulate(part, 200):
        if "holds the truth" in row.found:
            assert row.share >= 0.88, row
        elif "error" in row.found or "mean" in row.found:
            assert abs(row.share) <= 0.75, row
        else:
            assert row.share <= 0.12, row


def test_exchangeable_readers_have_no_lead() -> None:
    """A bar of each picture's own last score would have the probe ahead by 0.8 steps."""
    rng = levels.np.random.default_rng(0)
    leads = []
    for _ in range(20):
        made = levels.scores(rng, 57, sources=("probe", "latents:noisy", "latents:clean"))
        rows = levels.leads_table(made, levels.METRICS, dict.fromkeys(levels.METRICS, "0")).to_pylist()
        leads += [row["steps"] for row in rows]
    assert abs(float(levels.np.mean(leads))) < 0.2

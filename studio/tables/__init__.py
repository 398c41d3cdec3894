"""The tables that pages show, by name: each a function from the files of ``figures/`` to Markdown."""

from __future__ import annotations

from collections.abc import Callable

from studio.tables import (
    demo,
    emergence,
    levels,
    moved,
    photograph,
    recognition,
    scale,
    seeds,
    sizes,
    speed,
    words,
)

TABLES: dict[str, Callable[[], str]] = {
    "demo-scores": demo.scores,
    "demo-emergence": demo.emergence,
    "demo-leads": demo.leads,
    "demo-summary": demo.summary,
    "full-summary": emergence.summary,
    "full-against": emergence.against,
    "truth": emergence.truth,
    "nonlinear": emergence.nonlinear,
    "stream": emergence.stream,
    "transfer": emergence.transfer,
    "accuracy": recognition.accuracy,
    "recognised": recognition.recognised,
    "words-scores": words.scores,
    "words-objects": words.objects,
    "moved-edits": moved.edits,
    "moved-ways": moved.ways,
    "through-probes": moved.through_probes,
    "depth-and-shading": moved.depth_and_shading,
    "varied": moved.varied,
    "erased": moved.erasures,
    "seeds-decided": seeds.decided,
    "seeds-shortened": seeds.shortened,
    "regret": seeds.regret,
    "speed": speed.measured,
    "speed-machine": speed.machine,
    "speed-workers": speed.workers,
    "speed-page": speed.page,
    "faults": speed.faults,
    "sizes-stable-diffusion": sizes.stable_diffusion,
    "sizes-flux": sizes.flux,
    "sizes-gpu": sizes.gpu,
    "scale-costs": scale.costs,
    "scale-shares": scale.shares,
    "photograph-look": photograph.looked,
    "photograph-classes": photograph.classes,
    "levels": levels.levels,
    "levels-variance": levels.variance,
}

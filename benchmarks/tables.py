"""Four million score rows to all tables: reading, emergence with intervals, leads, the report's tables.

`python -m benchmarks.tables`: scores of made-up pictures in the shape of the still life's study.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import typer
from underpainting.findings.table import emergence_table

from benchmarks.timing import seconds
from underpainting.cli._screen import table
from underpainting.findings.cubes import Scores, read_scores
from underpainting.findings.leads import leads_table
from underpainting.records import SCORES, write_table

LAYERS = [f"down.{i}.{j}" for i in range(3) for j in range(2)] + ["mid.0"]
LAYERS += [f"up.{i}.{j}" for i in (1, 2, 3) for j in range(3)]
STEPS = 15
METRICS = {
    "saliency": ("dice", "average_precision"),
    "depth": ("spearman", "pearson", "rmse", "spearman_centred", "pearson_centred", "spearman_object"),
    "shading": ("spearman", "pearson", "rmse", "spearman_centred", "pearson_centred", "spearman_object"),
}
OF_STEPS = ("probe", "shuffled", "latents:noisy", "latents:clean")
MAIN = {"saliency": "dice", "depth": "spearman", "shading": "spearman"}


def measure(rows: int = 4_000_000) -> dict[str, float]:
    """Measure tables_seconds on about so many rows."""
    card = {"layers": [{"name": name} for name in LAYERS], "steps": STEPS}
    each = sum(map(len, METRICS.values())) * len(LAYERS) * (STEPS * len(OF_STEPS) + 2)
    kept: dict[str, Scores] = {}
    with TemporaryDirectory() as name:
        paths = {split: Path(name) / f"{split}.parquet" for split in ("test", "calibrate")}
        for split, path in paths.items():
            write_table(path, made_up(rows // each if split == "test" else 40), SCORES)

        def read() -> None:
            kept.update({split: read_scores(path, card, "conditional") for split, path in paths.items()})

        times = {"reading": seconds(read)}
        times["emergence"] = seconds(lambda: emergence_table(kept["test"], kept["calibrate"], MAIN))
        best = dict.fromkeys(MAIN, "up.3.0")
        times["leads"] = seconds(lambda: leads_table(kept["test"], MAIN, best))
    shown: list[list[object]] = [[what, spent] for what, spent in times.items()]
    table([f"of {rows // each * each / 1e6:.1f} million rows", "s"], shown)
    return {"tables_seconds": sum(times.values())}


def made_up(pictures: int) -> pa.Table:
    """A score table of so many pictures, each of a prompt of its own; scores rise with the steps."""
    rng = np.random.default_rng(0)
    blocks = []
    for name, metrics in METRICS.items():
        for source in (*OF_STEPS, "position", "ceiling"):
            steps = np.arange(1, STEPS + 1) if source in OF_STEPS else np.array([0])
            shape = (len(metrics), len(LAYERS), len(steps), pictures)
            level = 0.8 * (1 - np.exp(-steps / 4.0))[:, None] if source == "probe" else np.array(0.4)
            values = np.clip(level + rng.normal(0, 0.1, shape), -1, 1)
            index = [axis.ravel() for axis in np.indices(shape)]
            branch = "conditional" if source in OF_STEPS else ""
            images = [f"prompt_{i}_seed_{i}" for i in range(pictures)]
            prompts = [f"prompt {i}" for i in range(pictures)]
            one = np.zeros(values.size, np.int32)
            columns = {
                "property": _names([name], one),
                "layer": _names(LAYERS, index[1]),
                "step": pa.array(steps[index[2]].astype(np.int16)),
                "branch": _names([branch], one),
                "image": _names(images, index[3]),
                "prompt": _names(prompts, index[3]),
                "source": _names([source], one),
                "metric": _names(list(metrics), index[0]),
                "value": pa.array(values.ravel()),
            }
            blocks.append(pa.table(columns, schema=SCORES))
    return pa.concat_tables(blocks)


def _names(names: list[str], index: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(names))


if __name__ == "__main__":
    typer.run(measure)

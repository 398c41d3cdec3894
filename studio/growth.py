"""How knowledge grew over the U-Net's training: a study of each saved checkpoint, as tables of mean scores.

``python -m studio.growth FOLDER --samples 109952`` studies the pipeline in FOLDER, as it was after that many
samples, with the bundled estimator and the first of the bundled prompts, and writes
``studio/scores/SAMPLES.parquet``: property, layer, step, branch, source, metric, and mean, standard deviation
and number of values over the test pictures. ``python -m studio.growth --draw FILE.png`` draws the tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from underpainting import workflow
from underpainting.records import plain_schema
from underpainting.report.colours import colour, ramp_name
from underpainting.study.config import ControlsConfig, ModelConfig, PromptsConfig, RunConfig, StudyConfig

TABLES = Path(__file__).parent / "scores"
KEYS = ["property", "layer", "step", "branch", "source", "metric"]
SHOWN = {"saliency": "dice", "depth": "spearman", "shading": "spearman"}
WORDS = {"dice": "Dice", "spearman": "rank correlation"}


def means(scores: pa.Table) -> pa.Table:
    """A study's scores, meant over pictures."""
    sound = scores.filter(pc.is_finite(scores["value"]))
    plain = sound.cast(plain_schema(sound.schema))
    table = plain.group_by(KEYS).aggregate([("value", "mean"), ("value", "stddev"), ("value", "count")])
    return table.sort_by([(key, "ascending") for key in KEYS])


def study(pipeline: Path, samples: int, pictures: int) -> None:
    """Studies one checkpoint and keeps its table."""
    TABLES.mkdir(exist_ok=True)
    config = StudyConfig(
        prompts=PromptsConfig(file="stilllife", limit=pictures),
        model=ModelConfig(name=str(pipeline), guidance_scale=3.0),
        controls=ControlsConfig(share=0),
        run=RunConfig(gallery=0),
    )
    with TemporaryDirectory() as name:
        made = workflow.init(Path(name) / "study", config)
        workflow.run(made.folder)
        pq.write_table(
            means(pq.read_table(made.scores)), TABLES / f"{samples:08d}.parquet", compression="zstd"
        )


def draw(out: Path) -> None:
    """Draws the best layer's last score, position alone and the ceiling of each property over training."""
    tables = {int(path.stem): pq.read_table(path).to_pylist() for path in sorted(TABLES.glob("*.parquet"))}
    x = np.array(list(tables)) / 1000
    figure = Figure(figsize=(9, 3), dpi=110, layout="constrained")
    for axes, (name, metric) in zip(figure.subplots(1, 3, sharey=True), SHOWN.items(), strict=True):
        best = [at_best(rows, name, metric) for rows in tables.values()]
        hue = colour(ramp_name(name), 0.4)
        axes.plot(x, [of["ceiling"] for of in best], color="#77756f", lw=0.9, label="grid's ceiling")
        axes.plot(x, [of["probe"] for of in best], color=hue, lw=2.2, marker="o", ms=4, label="probe")
        axes.plot(x, [of["position"] for of in best], color="#77756f", lw=1.2, ls=":", label="position only")
        axes.set_title(f"{name.capitalize()}, {WORDS[metric]}", fontsize=10, loc="left")
        axes.set_xlabel("thousand samples seen in training", fontsize=9)
        axes.set_ylim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(out)


def at_best(rows: list[dict], name: str, metric: str) -> dict[str, float]:
    """Mean score of probe, position and ceiling at the layer whose probe is best at the last step."""
    mine = [row for row in rows if (row["property"], row["metric"]) == (name, metric)]
    last = max(row["step"] for row in mine)
    probes = [row for row in mine if (row["source"], row["step"]) == ("probe", last)]
    best = max(probes, key=lambda row: row["value_mean"])
    beside = {
        row["source"]: row["value_mean"] for row in mine if (row["layer"], row["step"]) == (best["layer"], 0)
    }
    return {"probe": best["value_mean"], "position": beside["position"], "ceiling": beside["ceiling"]}


def main() -> None:
    """Studies a checkpoint, or draws."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("pipeline", type=Path, nargs="?")
    cli.add_argument("--samples", type=int, help="seen by the U-Net until this checkpoint")
    cli.add_argument("--pictures", type=int, default=80)
    cli.add_argument("--draw", type=Path, metavar="FILE.png")
    args = cli.parse_args()
    if args.draw:
        draw(args.draw)
    elif args.pipeline is None or args.samples is None:
        cli.error("give a pipeline's folder and --samples, or --draw")
    else:
        study(args.pipeline, args.samples, args.pictures)


if __name__ == "__main__":
    main()

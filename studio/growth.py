"""How knowledge grew over the U-Net's training: a study of each saved checkpoint, as tables of mean scores.

``python -m studio.growth FOLDER --samples 109952`` studies the pipeline in FOLDER, as it was after that many
samples, with the bundled estimator and the first of the bundled prompts, and writes
``studio/scores/SAMPLES.parquet``: property, layer, step, branch, source, metric, and mean, standard deviation
and number of values over the test pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from underpainting import workflow
from underpainting.study.config import ModelConfig, PromptsConfig, StudyConfig

TABLES = Path(__file__).parent / "scores"
KEYS = ["property", "layer", "step", "branch", "source", "metric"]


def means(scores: pa.Table) -> pa.Table:
    """A study's scores, meant over pictures."""
    sound = scores.filter(pa.compute.is_finite(scores["value"]))
    table = sound.group_by(KEYS).aggregate([("value", "mean"), ("value", "stddev"), ("value", "count")])
    return table.sort_by([(key, "ascending") for key in KEYS])


def main() -> None:
    """Studies one checkpoint."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("pipeline", type=Path)
    cli.add_argument("--samples", type=int, required=True, help="seen by the U-Net until this checkpoint")
    cli.add_argument("--pictures", type=int, default=120)
    args = cli.parse_args()
    TABLES.mkdir(exist_ok=True)
    config = StudyConfig(
        prompts=PromptsConfig(file="stilllife", limit=args.pictures),
        model=ModelConfig(name=str(args.pipeline), guidance_scale=3.0),
    )
    with TemporaryDirectory() as name:
        study = workflow.init(Path(name) / "study", config)
        workflow.run(study.folder)
        pq.write_table(means(pq.read_table(study.scores)), TABLES / f"{args.samples:08d}.parquet")


if __name__ == "__main__":
    main()

"""How knowledge grew over the U-Net's training: a study of each saved checkpoint, as tables of mean scores.

``python -m studio.growth FOLDER --samples 109952`` studies the pipeline in FOLDER, as it was after that many
samples, with the bundled estimator and the first of the bundled prompts, and writes
``studio/scores/SAMPLES.parquet``: property, layer, step, branch, source, metric, and mean, standard deviation
and number of values over the test pictures. ``underpainting report STUDY --growth studio/scores`` draws
the tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from underpainting import workflow
from underpainting.findings.growth import mean_scores
from underpainting.study.request.config import (
    ControlsConfig,
    ModelConfig,
    PromptsConfig,
    RunConfig,
    StudyConfig,
)

TABLES = Path(__file__).parent / "scores"


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
            mean_scores(pq.read_table(made.scores_file)),
            TABLES / f"{samples:08d}.parquet",
            compression="zstd",
        )


def main() -> None:
    """Studies a checkpoint."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("pipeline", type=Path)
    cli.add_argument("--samples", type=int, required=True, help="seen by the U-Net until this checkpoint")
    cli.add_argument("--pictures", type=int, default=80)
    args = cli.parse_args()
    study(args.pipeline, args.samples, args.pictures)


if __name__ == "__main__":
    main()

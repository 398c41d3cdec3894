"""Whole studies of a pipeline without an adapter, and of pictures that are not square."""

from pathlib import Path
from typing import Any

import PIL.Image
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from tests.pipeline.families import stable_diffusion_3
from tests.pipeline.study.conftest import tiny_config, tiny_rows
from underpainting.study.request.config import StudyConfig
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study

JOINT = "transformer_blocks.0.attn.to_out.0"


def run(folder: Path, config: StudyConfig, estimator: Any) -> StudyFolder:
    study = create_study(folder, config, tiny_rows())
    from underpainting import workflow

    run_study(study, estimator=estimator)
    workflow.write_findings(study)
    scores = pq.read_table(study.scores_file)
    assert scores.num_rows and pc.all(pc.is_finite(scores["value"].drop_null())).as_py()
    return study


def test_a_pipeline_without_an_adapter_is_studied(tmp_path: Path, estimator: Any) -> None:
    torch.manual_seed(1)
    stable_diffusion_3(tmp_path / "tokens").save_pretrained(tmp_path / "sd3")
    config = tiny_config(tmp_path / "sd3")
    model = config.model.model_copy(update={"scheduler": "pipeline"})
    watch = config.watch.model_copy(update={"layers": (f"{JOINT}@8x8x16",)})
    study = run(tmp_path / "study", config.model_copy(update={"model": model, "watch": watch}), estimator)
    assert [(of.name, of.grid) for of in study.probes.layers] == [(JOINT, (8, 8))]


def test_pictures_that_are_not_square(tmp_path: Path, pipeline_folder: Path, estimator: Any) -> None:
    config = tiny_config(pipeline_folder)
    model = config.model.model_copy(update={"height": 24, "width": 40})
    study = run(tmp_path / "study", config.model_copy(update={"model": model}), estimator)
    grids = {of.name: of.grid for of in study.probes.layers}
    assert grids["up.3.0"] == (12, 20)
    picture = next(study.shards_folder.rglob("*.png"))
    assert PIL.Image.open(picture).size == (40, 24)

"""Whole studies of transformers: made, probed, reported, and acted on by carrying and along covariance."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from tests.pipeline.families import pixart
from tests.pipeline.flows import qwen
from tests.pipeline.study.conftest import ESTIMATOR, tiny_config, tiny_rows
from underpainting import workflow
from underpainting.intervention.edit import Edit
from underpainting.intervention.painter import set_up
from underpainting.intervention.trials import draw_moves, targets
from underpainting.study.environment import reload
from underpainting.study.run import run_study
from underpainting.study.study import create_study
from underpainting.study.trust import trust

KINDS = {"cross-attention": (pixart, ["block.0", "block.2"]), "joint, packed, two calls": (qwen, ["block.1"])}
BOTH = ("conditional", "unconditional")


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_study(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, layers = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        make(tmp_path / "words").save_pretrained(tmp_path / "model")
    (tmp_path / "estimator_of_kinds.py").write_text(ESTIMATOR)
    monkeypatch.syspath_prepend(str(tmp_path))
    trust(["estimator_of_kinds:Light"])
    config = tiny_config(tmp_path / "model")
    changes: dict[str, dict[str, Any]] = {
        "model": {"scheduler": "pipeline", "steps": 2, "height": 32, "width": 32},
        "watch": {"layers": tuple(layers)},
        "labels": {"estimator": "estimator_of_kinds:Light"},
    }
    parts = {name: getattr(config, name).model_copy(update=change) for name, change in changes.items()}
    study = create_study(tmp_path / "study", config.model_copy(update=parts), tiny_rows())
    run_study(study)
    workflow.write_findings(study)
    workflow.report(study)
    scores = pq.read_table(study.scores_file)
    assert pc.all(pc.is_finite(scores["value"].drop_null())).as_py()
    assert set(scores["branch"].to_pylist()) >= set(BOTH)
    assert [layer.name for layer in study.probes.layers] == layers and study.report_file.is_file()

    painter = set_up(study, reload(study))
    unedited = painter.unedited(study.rows[:2])
    moves = draw_moves(unedited.labels["saliency"], [1, 2], 0)
    target = targets(unedited.labels, moves, painter.loaded.places.properties)
    for name in ("carry", "covariance"):
        for branches in (BOTH, BOTH[1:]):
            for strength in (0.0, 3.0):
                edit = Edit(kind=name, strength=strength, last=2, branches=branches)
                acting = painter.acting(edit, painter.change(edit, unedited, target, moves))
                same = torch.equal(painter.paint(unedited.rows, acting).pictures, unedited.pictures)
                assert same == (strength == 0)

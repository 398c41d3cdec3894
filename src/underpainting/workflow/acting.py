"""Acting on pictures: one, the same again, many beside their controls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from underpainting.findings.interventions import Done, interventions
from underpainting.intervention import Plan, make_plan
from underpainting.records import (
    INTERVENTIONS,
    read_table,
    sealing,
    write_table,
)
from underpainting.report import write_report
from underpainting.study.folder import write_json
from underpainting.study.progress import Progress
from underpainting.uses.easel import MASK, set_up
from underpainting.uses.experiment import (
    choose_plan,
    chosen_plan,
    controls,
    distances,
    keep_examples,
    run_experiment,
    variations,
)
from underpainting.uses.intervene import Asked, Intervened, read_mask
from underpainting.uses.intervene import intervene as paint_intervened
from underpainting.uses.intervene import replay as paint_again
from underpainting.workflow.studies import reopen


def intervene(
    folder: Path,
    asked: Asked,
    settings: Mapping[str, Any],
    *,
    mask: Path | None = None,
    out: Path | None = None,
) -> Intervened:
    """Make one picture as it is and with edited activations.

    settings: those of the plan that are given; others are what was chosen for the study on calibrate
    pictures, where its experiment was run. mask: a picture whose bright part is to be the object.

    Raises UnderpaintingError as `uses.intervene.intervene`, and where settings are not a plan's.
    """
    study, workshop = reopen(folder)
    if asked.is_moved and asked.properties == (MASK,):
        usual = chosen_plan(study, MASK) or Plan()
    else:
        usual = Plan(kind="covariance", strength=5.0, last=8)
    last = min(usual.last, study.config.model.steps)
    plan = make_plan({**usual.model_dump(), "last": last, "properties": asked.properties, **settings})
    drawn = None if mask is None else read_mask(mask, workshop.model.size)
    return paint_intervened(set_up(study, workshop), asked, plan, out, drawn)


def replay(folder: Path, intervention: Path) -> bool:
    """Make an intervention's picture again: whether it is the same. Raises as `uses.intervene.replay`."""
    return paint_again(set_up(*reopen(folder)), intervention)


def experiment(
    folder: Path,
    *,
    aim: str = MASK,
    pictures: int = 100,
    trials: int = 3,
    settings: Mapping[str, Any] | None = None,
    vary: bool = False,
    progress: Progress | None = None,
) -> list[Done]:
    """Score interventions on test pictures beside controls; write `interventions/scores.parquet`, and report.

    aim: the property whose maps are moved. settings: those of a plan; where none is given, the plan is
    chosen on calibrate pictures. vary: in place of controls, the edit at other strengths, until other steps,
    and without or with only one part of the network (in `interventions/AIM/variations.parquet`).

    Raises UnderpaintingError where the study is not done, has no such property, or another experiment with
    that aim is there.
    """
    progress = progress or Progress()
    easel = set_up(*reopen(folder))
    home = easel.study.interventions
    easel.require((aim,))
    plan = make_plan({**settings, "properties": (aim,)}) if settings else choose_plan(easel, aim, progress)
    easel.layers(plan)
    size: dict[str, int] = {"pictures": pictures, "trials": trials}
    if vary:
        varied = variations(easel, plan)
        table = run_experiment(easel, aim, plan, varied, home / aim / "vary", **size, progress=progress)
        with sealing(home / aim / "variations.parquet") as temporary:
            write_table(temporary, table, INTERVENTIONS)
        return interventions(table)
    run_experiment(easel, aim, plan, controls(easel, aim, plan), home / aim, **size, progress=progress)
    keep_examples(easel, aim, plan, home / aim, progress)
    progress.phase("writing the report")
    with sealing(home / aim / "frechet.json") as temporary:
        write_json(temporary, distances(home / aim))
    parts = sorted(home.glob("*/[0-9]*.parquet"))
    table = pa.concat_tables([read_table(part, INTERVENTIONS) for part in parts])
    with sealing(home / "scores.parquet") as temporary:
        write_table(temporary, table, INTERVENTIONS)
    write_report(folder)
    return interventions(table)

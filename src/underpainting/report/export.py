"""Figures and tables as files, for papers and slides: SVG, PNG and CSV side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from underpainting.findings.classification import accuracies, calibration, recognised
from underpainting.records import write_bytes
from underpainting.report.conclusions import differences
from underpainting.report.drawing import Drawing, Palette
from underpainting.report.figures import (
    accuracy_figure,
    calibration_figure,
    growth_figure,
    layer_figure,
    network_figure,
    recognised_figure,
    step_figure,
)
from underpainting.report.interventions import examples_png
from underpainting.report.reading import Study, read_study
from underpainting.report.recognition import recognition_file
from underpainting.report.tables import (
    ScoreRow,
    layer_table,
    look_table,
    network_table,
    properties,
    score_table,
    step_table,
)
from underpainting.report.verdicts import study_headlines

Kind = Literal["png", "svg"]
TONES = {"saliency": "#37765a", "depth": "#9a5a22", "shading": "#56606e"}
PRINT = Palette(
    "#24201b",
    "#6a6257",
    "#ddd6c9",
    "#3d62a8",
    "#ffffff",
    ("#0b63a5", "#b84a00", "#007a55", "#a8467e", "#7d6200", "#5b5fc7"),
)
"""The page's light colours, on white."""


@dataclass(frozen=True)
class Exported:
    """A table with its figure, if it has one."""

    name: str
    rows: Sequence[dict[str, Any]]
    drawing: Drawing | None = None


def write_figures(study_folder: Path, growth: Path | None = None) -> Path:
    """Write every figure of a finished study's report as SVG and PNG, its table as CSV beside it.

    growth: as `write_report`. Returns the folder, `report/figures`. Raises UnderpaintingError as that does.
    """
    study, folder = read_study(study_folder, growth), study_folder / "report" / "figures"
    for exported in _exported(study):
        _write_csv(folder / f"{exported.name}.csv", exported.rows)
        for kind in get_args(Kind) if exported.drawing else ():
            assert exported.drawing
            write_bytes(folder / f"{exported.name}.{kind}", exported.drawing.saved(kind, PRINT.paper))
    for acted in study.acted:
        name = f"interventions-{acted.aim}"
        _write_csv(folder / f"{name}.csv", [asdict(row) for row in acted.rows])
        if acted.examples:
            write_bytes(folder / f"{name}.png", examples_png(acted))
    films = study.gallery.arrays if study.gallery else {}
    images = [of["image"] for of in study.gallery.about.get("pictures", [])] if study.gallery else []
    for seen in study.seen:
        if seen.image in images and seen.steps[0] > 0:
            name = f"classes-{seen.image}-{seen.picture}"
            frames = films[f"{images.index(seen.image)}/{seen.picture}"]
            columns = zip(seen.steps, seen.probabilities.tolist(), strict=True)
            rows = [{"step": step, **dict(zip(seen.classes, of, strict=True))} for step, of in columns]
            _write_csv(folder / f"{name}.csv", rows)
            for kind in get_args(Kind):
                write_bytes(folder / f"{name}.{kind}", recognition_file(seen, frames, kind))
    return folder


def _exported(study: Study) -> Iterator[Exported]:
    layers, by_step = study.scores.layers, step_table(study)
    looks, networks = look_table(study), network_table(study)
    yield Exported("scores", [_flat(row) for row in score_table(study)])
    for which in properties(study):
        palette = replace(PRINT, tone=TONES.get(which.name, PRINT.tone))
        for name, rows in (("by-step", by_step), ("looks", looks), ("networks", networks)):
            if mine := [row for row in rows if row.name == which.name]:
                drawing = step_figure(mine, layers, name, palette)
                yield Exported(f"{name}-{which.name}", [_flat(row) for row in mine], drawing)
        for table in layer_table(study):
            if table.name == which.name:
                cells = [
                    {"layer": layer, **{str(step): value for step, value in enumerate(means, start=1)}}
                    for layer, means in zip(table.layers, table.means, strict=True)
                ]
                yield Exported(f"by-layer-{which.name}", cells, layer_figure(table, palette))
        if grown := [row for row in study.growth if row.property == which.name]:
            rows_of = [asdict(row) for row in grown]
            yield Exported(f"growth-{which.name}", rows_of, growth_figure(grown, palette))
    best = {which.name: which.layer for which in properties(study)}
    about = [
        {"layer": of["name"], "rows": of["grid"][0], "columns": of["grid"][1], "channels": of["channels"]}
        for of in study.card["layers"]
    ]
    yield Exported("network", about, network_figure(study.card["layers"], best, PRINT))
    against = [asdict(row) for row in differences(study, study_headlines(study))]
    for name, of in (("against", against), ("emergence", study.emergence), ("leads", study.leads)):
        if of:
            yield Exported(name, of)
    known = [of for of in study.seen if of.right]
    if known:
        first, shares = recognised(known), [*study.class_probe[1], *accuracies(known)]
        bins = calibration(known)
        steps = study.scores.steps
        yield Exported("accuracy", [asdict(row) for row in shares], accuracy_figure(shares, PRINT))
        drawing = recognised_figure([row for row in first if not row.noise], steps, PRINT)
        yield Exported("recognised", [asdict(row) for row in first], drawing)
        yield Exported("calibration", [asdict(row) for row in bins], calibration_figure(bins, PRINT))


def _flat(row: ScoreRow) -> dict[str, Any]:
    about = {"property": row.name, "layer": row.layer, "step": row.step}
    return {**about, "source": row.source, "metric": row.metric, **asdict(row.estimate)}


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    out = io.StringIO()
    table = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_bytes(path, out.getvalue().encode())

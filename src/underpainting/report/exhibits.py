"""What the report shows: each table with its figure, for the page and for files alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from underpainting.findings.classification import Seen, accuracies, calibration, commonest, recognised
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
from underpainting.report.reading import Study
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


@dataclass(frozen=True)
class Exhibit:
    """A table with its figure, if it has one."""

    name: str
    rows: Sequence[dict[str, Any]]
    drawing: Drawing | None = None

    @property
    def csv(self) -> str:
        """The table as text, a heading first."""
        out = io.StringIO()
        table = csv.DictWriter(out, list(self.rows[0]) if self.rows else [], lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        return out.getvalue()

    @property
    def address(self) -> str:
        """The table as a data address, to be downloaded from a page that needs nothing else."""
        return f"data:text/csv;charset=utf-8,{quote(self.csv, safe=',:/()')}"


def exhibits(study: Study, palette_of: Callable[[str], Palette]) -> dict[str, Exhibit]:
    """All of a study's, by name; palette_of: colours of a property's figures; of others', by no name."""
    return {exhibit.name: exhibit for exhibit in _exhibits(study, palette_of)}


def _exhibits(study: Study, palette_of: Callable[[str], Palette]) -> Iterator[Exhibit]:
    layers, by_step = study.scores.layers, step_table(study)
    looks, networks, maps = look_table(study), network_table(study), layer_table(study)
    yield Exhibit("scores", [_flat(row) for row in score_table(study)])
    for which in properties(study):
        palette = palette_of(which.name)
        for name, rows in (("by-step", by_step), ("looks", looks), ("networks", networks)):
            if mine := [row for row in rows if row.name == which.name]:
                drawing = step_figure(mine, layers, name, palette)
                yield Exhibit(f"{name}-{which.name}", [_flat(row) for row in mine], drawing)
        for table in maps:
            if table.name == which.name:
                cells = [
                    {"layer": layer, **{str(step): value for step, value in enumerate(means, start=1)}}
                    for layer, means in zip(table.layers, table.means, strict=True)
                ]
                yield Exhibit(f"by-layer-{which.name}", cells, layer_figure(table, palette))
        if grown := [row for row in study.growth if row.property == which.name]:
            rows_of = [asdict(row) for row in grown]
            yield Exhibit(f"growth-{which.name}", rows_of, growth_figure(grown, palette))
    palette = palette_of("")
    best = {which.name: which.layer for which in properties(study)}
    about = [
        {"layer": of["name"], "rows": of["grid"][0], "columns": of["grid"][1], "channels": of["channels"]}
        for of in study.card["layers"]
    ]
    yield Exhibit("network", about, network_figure(study.card["layers"], best, palette))
    against = [_named(asdict(row)) for row in differences(study, study_headlines(study))]
    for name, of in (("against", against), ("emergence", study.emergence), ("leads", study.leads)):
        if of:
            yield Exhibit(name, of)
    for acted in study.acted:
        yield Exhibit(f"interventions-{acted.aim}", [asdict(row) for row in acted.rows])
    yield from _of_classes(study, palette)


def _of_classes(study: Study, palette: Palette) -> Iterator[Exhibit]:
    known = [of for of in study.seen if of.right]
    if not known:
        return
    first, shares, bins = recognised(known), [*study.class_probe[1], *accuracies(known)], calibration(known)
    drawn = accuracy_figure(shares, commonest(known), palette)
    yield Exhibit("accuracy", [asdict(row) for row in shares], drawn)
    counted = [row for row in first if not row.noise]
    drawn = recognised_figure(counted, study.scores.steps, palette)
    yield Exhibit("recognised", [asdict(row) for row in first], drawn)
    yield Exhibit("calibration", [asdict(row) for row in bins], calibration_figure(bins, palette))
    kept = study.gallery.about.get("pictures", []) if study.gallery else []
    images = [picture["image"] for picture in kept]
    for seen in study.seen:
        if seen.image in images and seen.steps[0] > 0:
            yield Exhibit(f"classes-{seen.image}-{seen.picture}", _probabilities(seen))


def _probabilities(seen: Seen) -> list[dict[str, Any]]:
    columns = zip(seen.steps, seen.probabilities.tolist(), strict=True)
    return [{"step": step, **dict(zip(seen.classes, of, strict=True))} for step, of in columns]


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {"property" if key == "name" else key: value for key, value in row.items()}


def _flat(row: ScoreRow) -> dict[str, Any]:
    about = {"property": row.name, "layer": row.layer, "step": row.step}
    return {**about, "source": row.source, "metric": row.metric, **asdict(row.estimate)}

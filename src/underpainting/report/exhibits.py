"""What the report shows: each table with its figure, for the page and for files alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from underpainting.findings.classification import Seen, accuracies, calibration, commonest, recognised
from underpainting.markup import in_cell
from underpainting.report.class_figures import accuracy_figure, calibration_figure, recognised_figure
from underpainting.report.contents import Contents
from underpainting.report.derived import PANELS, Derived
from underpainting.report.figures import growth_figure, layer_figure, step_figure
from underpainting.report.network_figure import network_figure
from underpainting.report.svg import Drawing, Palette
from underpainting.report.tables import ScoreRow, topics


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
        table.writerows({name: in_cell(value) for name, value in row.items()} for row in self.rows)
        return out.getvalue()

    @property
    def address(self) -> str:
        """The table as a data address, to be downloaded from a page that needs nothing else."""
        return f"data:text/csv;charset=utf-8,{quote(self.csv, safe=',:/()')}"


def exhibits(
    contents: Contents, derived: Derived, palette_of: Callable[[str], Palette]
) -> dict[str, Exhibit]:
    """All of a study's, by name; palette_of: colours of a property's figures; of others', by no name."""
    return {exhibit.name: exhibit for exhibit in _exhibits(contents, derived, palette_of)}


def _exhibits(
    contents: Contents, derived: Derived, palette_of: Callable[[str], Palette]
) -> Iterator[Exhibit]:
    layers = contents.scores.layers
    yield Exhibit("scores", [_flat(row) for row in derived.scores])
    for topic in topics(contents):
        palette = palette_of(topic.name)
        for panel, name in PANELS.items():
            if mine := [row for row in derived.by_step[panel] if row.name == topic.name]:
                drawing = step_figure(mine, layers, name, palette)
                yield Exhibit(f"{name}-{topic.name}", [_flat(row) for row in mine], drawing)
        for table in derived.by_layer:
            if table.name == topic.name:
                cells = [
                    {"layer": layer, **{str(step): value for step, value in enumerate(means, start=1)}}
                    for layer, means in zip(table.layers, table.means, strict=True)
                ]
                yield Exhibit(f"by-layer-{topic.name}", cells, layer_figure(table, palette))
        if grown := [row for row in contents.growth if row.property == topic.name]:
            rows_of = [asdict(row) for row in grown]
            yield Exhibit(f"growth-{topic.name}", rows_of, growth_figure(grown, palette))
    palette = palette_of("")
    best = {topic.name: topic.layer for topic in topics(contents)}
    about = [
        {"layer": layer.name, "rows": layer.grid[0], "columns": layer.grid[1], "channels": layer.channels}
        for layer in contents.probes.layers
    ]
    yield Exhibit("network", about, network_figure(contents.probes.layers, best, palette))
    against = [_named(asdict(row)) for row in derived.against]
    for name, table_rows in (
        ("against", against),
        ("emergence", contents.emergence),
        ("leads", contents.leads),
    ):
        if table_rows:
            yield Exhibit(name, table_rows)
    for experiment in contents.experiments:
        yield Exhibit(f"interventions-{experiment.aim}", [asdict(row) for row in experiment.rows])
    yield from _of_classes(contents, palette)


def _of_classes(contents: Contents, palette: Palette) -> Iterator[Exhibit]:
    known = [seen for seen in contents.seen if seen.right]
    if not known:
        return
    first, bins = recognised(known), calibration(known)
    shares = [*contents.class_probe[1], *accuracies(known)]
    drawn = accuracy_figure(shares, commonest(known), palette)
    yield Exhibit("accuracy", [asdict(row) for row in shares], drawn)
    counted = [row for row in first if not row.noise]
    drawn = recognised_figure(counted, contents.scores.steps, palette)
    yield Exhibit("recognised", [asdict(row) for row in first], drawn)
    yield Exhibit("calibration", [asdict(row) for row in bins], calibration_figure(bins, palette))
    images = contents.gallery.images if contents.gallery else []
    for seen in contents.seen:
        if seen.image in images and seen.steps[0] > 0:
            yield Exhibit(f"classes-{seen.image}-{seen.picture}", _probabilities(seen))


def _probabilities(seen: Seen) -> list[dict[str, Any]]:
    columns = zip(seen.steps, seen.probabilities.tolist(), strict=True)
    return [{"step": step, **dict(zip(seen.classes, values, strict=True))} for step, values in columns]


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {"property" if key == "name" else key: value for key, value in row.items()}


def _flat(row: ScoreRow) -> dict[str, Any]:
    about = {"property": row.name, "layer": row.layer, "step": row.step}
    return {**about, "source": row.source, "metric": row.metric, **asdict(row.estimate)}

"""The report: one HTML file that needs nothing else."""

import os
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from underpainting.findings.draws import ENOUGH
from underpainting.records import write_bytes
from underpainting.report.citation import PROJECT, VERSION, bibtex
from underpainting.report.colours import RAMP_OF
from underpainting.report.conclusions import conclusions, differences, differences_table, signed
from underpainting.report.drawing import PAGE
from underpainting.report.exhibits import exhibits
from underpainting.report.figures import narrow_network_figure
from underpainting.report.interventions import intervention_sections
from underpainting.report.lines import LINES
from underpainting.report.pictures import gallery_data
from underpainting.report.reading import Study, read_study
from underpainting.report.recognised import recognition_section
from underpainting.report.tables import (
    BY_STEP,
    FURTHER,
    MAIN,
    NETWORKS,
    PARTS,
    ROWS,
    Property,
    ScoreRow,
    arrivals,
    interval,
    layer_table,
    listing,
    look_table,
    network_table,
    number,
    properties,
    score_table,
    step_table,
)
from underpainting.report.terms import explained
from underpainting.report.verdicts import findings, study_headlines, summary
from underpainting.vocabulary import METRICS, SOURCES, first_step, step_interval


def write_report(study_folder: str | os.PathLike[str], growth: Path | None = None) -> Path:
    """Write `report/index.html` of a finished study and return its path.

    Reads study.toml, environment.json, prompts.parquet, probes/card.json, gallery/ and the tables; growth:
    folder of the model's checkpoints (see `findings.growth`). The same study gives the same bytes. Raises
    UnderpaintingError when the study is not finished or a file cannot be read.
    """
    folder = Path(study_folder)
    page = folder / "report" / "index.html"
    write_bytes(page, render(read_study(folder, growth)).encode("utf-8"))
    return page


def render(study: Study) -> str:
    """The report's HTML."""
    environment = Environment(
        loader=PackageLoader("underpainting.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "interval": interval,
        "signed": signed,
        "first_step": first_step,
    }
    shown = properties(study)
    rows, by_step = score_table(study), step_table(study)
    heads = study_headlines(study)
    present = {row.source for row in rows if row.estimate.pictures}
    against, networked = differences(study, heads), {row.source for row in network_table(study)}
    maps, looks, gallery = layer_table(study), look_table(study), gallery_data(study)
    best = {which.name: which.layer for which in shown}
    return environment.get_template("report.html.j2").render(
        study=study,
        title=study.title or study.name,
        command_name=f'"{study.name}"' if " " in study.name else study.name,
        facts=_facts(study),
        summary=summary(heads),
        findings=findings(heads, rows, by_step),
        properties=shown,
        tone=lambda name: name if name in RAMP_OF else "own",
        metrics=METRICS,
        sources={k: words for k, words in ROWS.items() if k in present},
        scored=[SOURCES[source] for source in BY_STEP[1:]],
        main_scores=_columns(shown, rows, MAIN),
        further_scores=_columns(shown, rows, FURTHER),
        part_scores=_columns(shown, rows, PARTS),
        score_rows=rows,
        cells={(row.name, row.metric, row.source): row.estimate for row in rows},
        step_rows=by_step,
        exhibits=exhibits(study, lambda _: PAGE),
        all_sources=SOURCES,
        lines=LINES,
        networks=[source for source in NETWORKS if source in networked],
        arrivals=arrivals(study),
        step_interval=step_interval,
        enough=ENOUGH,
        conclusions=conclusions(heads, against),
        against=against,
        differences=differences_table(against, heads),
        leads=study.leads,
        looked_at=max((row.estimate.pictures for row in looks), default=0),
        network_narrow=narrow_network_figure(study.card["layers"], best).inline(),
        layer_tables=maps,
        gallery=gallery,
        acted=intervention_sections(study),
        recognition=recognition_section(study, [entry["image"] for entry in gallery]),
        settings=_flat(study.settings),
        environment=_not_asked(study),
        begun=_begun(study),
        made_with=study.environment.get("versions", {}).get("underpainting", ""),
        version=VERSION,
        project=PROJECT,
        bibtex=bibtex(),
        explained=explained,
    )


def _facts(study: Study) -> list[tuple[str, str]]:
    """What the study is, for the head of the page."""
    model, card = study.settings.get("model", {}), study.card
    sampler = f"{study.scores.steps} steps"
    if model.get("scheduler"):
        sampler += f", {model['scheduler']}"
    if model.get("guidance_scale") is not None:
        sampler += f", guidance {model['guidance_scale']:g}"
    facts = [
        ("Model", str(card.get("model") or model.get("name", ""))),
        ("Denoising", sampler),
        ("Layers", f"{len(study.scores.layers)} watched: {listing(study.scores.layers)}"),
        ("Branch", study.branch),
    ]
    counts = study.splits or {split: (count, 0) for split, count in card.get("images", {}).items()}
    if counts:
        pictures = sum(count for count, _ in counts.values())
        prompts = sum(count for _, count in counts.values())
        split = ", ".join(f"{count} {name}" for name, (count, _) in counts.items())
        of = f" from {prompts} prompts" if prompts else ""
        facts.append(("Pictures", f"{pictures}{of}: {split}"))
    reasons = Counter(study.aside.values()).most_common()
    aside = "; ".join(f"{count}: {reason}" for reason, count in reasons)
    facts.append(("Set aside", f"{len(study.aside)} pictures ({aside})" if aside else "no picture"))
    estimator = study.settings.get("labels", {}).get("estimator")
    if estimator:
        facts.append(("Labels", f"{estimator}, run on the finished picture"))
    return facts


def _begun(study: Study) -> str:
    """The day of the study's first run, such as 24 November 2026; empty where it was not recorded."""
    day = study.environment.get("begun", "")
    return f"{date.fromisoformat(day):%-d %B %Y}" if day else ""


def _not_asked(study: Study) -> list[tuple[str, str]]:
    """What the environment says beside the settings, which its `config` and some names repeat."""
    labels, asked = study.settings.get("labels", {}), {name for name, _ in _flat(study.settings)}
    named = [(f"{part}.name", labels.get(part)) for part in ("estimator", "classifier")]
    ran = _flat({name: value for name, value in study.environment.items() if name != "config"})
    return [(name, value) for name, value in ran if name not in asked and (name, value) not in named]


def _columns(
    shown: tuple[Property, ...], rows: tuple[ScoreRow, ...], wanted: dict[str, tuple[str, ...]]
) -> list[tuple[Property, list[str]]]:
    """Properties with those of the wanted metrics that were scored."""
    scored = {(row.name, row.metric) for row in rows}
    columns = [(found, [m for m in wanted[found.kind] if (found.name, m) in scored]) for found in shown]
    return [(found, metrics) for found, metrics in columns if metrics]


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and words."""
    flat = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat.append((prefix + name, ", ".join(map(str, value))))
        else:
            flat.append((prefix + name, str(value)))
    return flat

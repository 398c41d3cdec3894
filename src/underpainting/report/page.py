"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from underpainting.colours import RAMP_OF
from underpainting.controls import sources
from underpainting.findings.intervals import ENOUGH
from underpainting.report.citation import PROJECT, VERSION, bibtex
from underpainting.report.classification import recognition_section
from underpainting.report.conclusions import conclusions, differences_table, signed
from underpainting.report.contents import Contents, read_contents
from underpainting.report.derived import PANELS, derive
from underpainting.report.exhibits import exhibits
from underpainting.report.gallery import gallery_data
from underpainting.report.interventions import intervention_sections
from underpainting.report.lines import CLASS_LINES, stroke
from underpainting.report.network_figure import narrow_network_figure
from underpainting.report.svg import PAGE
from underpainting.report.tables import (
    FURTHER,
    MAIN,
    PARTS,
    ScoreRow,
    Topic,
    arrivals,
    interval,
    listing,
    number,
    panel_sources,
    row_words,
    topics,
)
from underpainting.report.terms import explained
from underpainting.report.verdicts import findings, summary
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import METRICS, first_step, step_interval


def write_report(study: StudyFolder, growth: Path | None = None) -> Path:
    """Write the page of a finished study's report and return its path.

    growth: folder of the model's checkpoints (see `findings.growth`). The same study gives the same bytes.
    Raises UnderpaintingError when the study is not finished or a file is damaged.
    """
    page = render(read_contents(study, growth))
    with study.sealing(study.report_file) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return study.report_file


def render(contents: Contents) -> str:
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
    shown = topics(contents)
    derived, gallery = derive(contents), gallery_data(contents)
    rows, heads, by_step = derived.scores, derived.headlines, derived.by_step["probes"]
    present = {row.source for row in rows if row.estimate.pictures}
    best = {topic.name: topic.layer for topic in shown}
    further = _columns(shown, rows, FURTHER)
    html = environment.get_template("report.html.j2").render(
        contents=contents,
        steps=contents.scores.steps,
        title=contents.title or contents.name,
        command_name=f'"{contents.name}"' if " " in contents.name else contents.name,
        facts=_facts(contents),
        summary=summary(heads),
        findings=findings(heads, rows, by_step),
        properties=shown,
        tone=lambda name: name if name in RAMP_OF else "own",
        metrics=METRICS,
        row_words={key: words for key, words in row_words().items() if key in present},
        main_scores=_columns(shown, rows, MAIN),
        further_scores=further,
        further_caption=_further_caption([topic for topic, _ in further]),
        part_scores=_columns(shown, rows, PARTS),
        score_rows=rows,
        cells={(row.name, row.metric, row.source): row.estimate for row in rows},
        step_rows=by_step,
        exhibits=exhibits(contents, derived, lambda _: PAGE),
        sources=sources(),
        legends={name: panel_sources(contents, panel) for panel, name in PANELS.items()},
        class_lines=CLASS_LINES,
        stroke=stroke,
        arrivals=arrivals(contents),
        step_interval=step_interval,
        enough=ENOUGH,
        conclusions=conclusions(heads, derived.against),
        against=derived.against,
        differences=differences_table(derived.against, heads),
        leads=contents.leads,
        looked_at=max((row.estimate.pictures for row in derived.by_step["pictures"]), default=0),
        network_narrow=narrow_network_figure(contents.probes.layers, best).inline(),
        layer_tables=derived.by_layer,
        gallery=gallery,
        acted=intervention_sections(contents),
        recognition=recognition_section(contents, [entry["image"] for entry in gallery]),
        settings=_flat(contents.settings),
        environment=_not_asked(contents),
        hashes=contents.study.hashes(),
        begun=_begun(contents),
        made_with=contents.environment.get("versions", {}).get("underpainting", ""),
        version=VERSION,
        project=PROJECT,
        bibtex=bibtex(contents.study.config),
        explained=explained,
    )
    return html.lstrip()


def _facts(contents: Contents) -> list[tuple[str, str]]:
    """What the study is, for the head of the page."""
    config = contents.study.config
    model = config.model
    sampler = f"{model.steps} steps, {_scheduler(contents)}, guidance {model.guidance_scale:g}"
    if model.negative_prompt is not None:
        sampler += f", negative prompt {model.negative_prompt!r}"
    counts = {split: count for split, count in contents.study.images.items() if count}
    by_split = ", ".join(f"{count} {split}" for split, count in counts.items())
    pictures = f"{sum(counts.values())} from {sum(contents.prompts.values())} prompts: {by_split}"
    reasons = Counter(contents.aside.values()).most_common()
    aside = "; ".join(f"{count}: {reason}" for reason, count in reasons)
    labels = f"{config.labels.estimator}, run on the finished picture"
    return [
        ("Model", contents.probes.model),
        ("Denoising", sampler),
        ("Layers", f"{len(contents.scores.layers)} watched: {listing(contents.scores.layers)}"),
        ("Branch", contents.branch),
        ("Pictures", pictures),
        ("Set aside", f"{len(contents.aside)} pictures ({aside})" if aside else "no picture"),
        ("Labels", f"brought, {config.labels.folder}" if config.labels.folder else labels),
    ]


def _scheduler(contents: Contents) -> str:
    """The scheduler's name; of the pipeline's own its class, where the environment tells it."""
    name = contents.study.config.model.scheduler
    if name != "pipeline":
        return name
    kind = contents.environment.get("model", {}).get("scheduler")
    return f"the pipeline's own, {kind}" if kind else "the pipeline's own"


def _further_caption(shown: Sequence[Topic]) -> str:
    """What is told of properties in the table of further metrics."""
    words = {
        "dice": "without a threshold",
        "spearman": "with the mean of each place taken out of label and prediction",
    }
    named = {kind: [topic.name for topic in shown if topic.kind == kind] for kind in words}
    said = "; ".join(f"{' and '.join(names)} {words[kind]}" for kind, names in named.items() if names)
    return said[:1].upper() + said[1:]


def _begun(contents: Contents) -> str:
    """The day of the study's first run, such as 24 November 2026; empty where it was not recorded."""
    day = contents.environment.get("begun", "")
    return f"{date.fromisoformat(day):%-d %B %Y}" if day else ""


def _not_asked(contents: Contents) -> list[tuple[str, str]]:
    """What the environment says beside the settings, which some of its names repeat."""
    labels, asked = contents.settings.get("labels", {}), {name for name, _ in _flat(contents.settings)}
    named = [(f"{part}.name", labels.get(part)) for part in ("estimator", "classifier")]
    return [
        (name, value)
        for name, value in _flat(dict(contents.environment))
        if name not in asked and (name, value) not in named
    ]


def _columns(
    shown: tuple[Topic, ...], rows: tuple[ScoreRow, ...], wanted: dict[str, tuple[str, ...]]
) -> list[tuple[Topic, list[str]]]:
    """Properties with those of the wanted metrics that were scored."""
    scored = {(row.name, row.metric) for row in rows}
    columns = [(topic, [m for m in wanted[topic.kind] if (topic.name, m) in scored]) for topic in shown]
    return [(topic, metrics) for topic, metrics in columns if metrics]


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

"""How to cite underpainting and the study that it builds on, as CITATION.cff has both, and what was used."""

from collections.abc import Mapping
from importlib.metadata import version

from underpainting.observers.joined_estimator import parts_of
from underpainting.observers.registry import works_of
from underpainting.study.request.config import StudyConfig
from underpainting.weights import Work, pipeline, trained_name

PROJECT = "https://github.com/underpainting/underpainting"
AUTHORS = "The underpainting developers"
TITLE = "underpainting"
LICENCE = "Apache-2.0"
VERSION = version("underpainting")
RELEASED = "2026-11-24"
BUILT_ON = Work(
    "chen2023",
    "Chen, Yida and Viégas, Fernanda and Wattenberg, Martin",
    "Beyond Surface Statistics: Scene Representations in a Latent Diffusion Model",
    2023,
    "2306.05720",
)


def works(config: StudyConfig) -> tuple[Work, ...]:
    """The papers behind a study: the one that all build on, its model's, its estimators', its classifier's.

    Those of weights that are known by name; the still life is the package's own.
    """
    labels = config.labels
    used = [BUILT_ON, *pipeline(trained_name(config.model.name)).works]
    if labels.folder is None:
        used += [work for part in parts_of(labels.estimator) for work in works_of("estimator", str(part))]
    if labels.classifier is not None:
        used += works_of("classifier", labels.classifier)
    return tuple(dict.fromkeys(used))


def bibtex(config: StudyConfig) -> str:
    """underpainting and the papers behind a study, as BibTeX entries."""
    software = {
        "author": f"{{{AUTHORS}}}",
        "title": f"{{{TITLE}}}",
        "version": VERSION,
        "year": RELEASED.partition("-")[0],
        "url": PROJECT,
        "note": LICENCE,
    }
    entries = [_entry("software", TITLE, software)]
    for work in works(config):
        about = {"author": work.author, "title": work.title, "year": work.year, "note": f"arXiv {work.arxiv}"}
        entries.append(_entry("article", work.key, about))
    return "\n\n".join(entries)


def _entry(kind: str, key: str, fields: Mapping[str, object]) -> str:
    lines = [f"  {name} = {{{value}}},\n" for name, value in fields.items()]
    return f"@{kind}{{{key},\n{''.join(lines)}}}"

"""A study's card: a README for the hub, of its scores, settings, versions and hashes."""

from __future__ import annotations

import json

from underpainting.controls import sources
from underpainting.markup import in_markdown
from underpainting.probes.readme import header, markdown
from underpainting.records import EMERGENCE
from underpainting.report.contents import made_with
from underpainting.study.request.config import config_toml
from underpainting.study.results import results
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import METRICS, first_step, step_interval

_READ = """\
```
underpainting pull {name} STUDY    # its report: STUDY/report/index.html
```

```python
import underpainting

study = underpainting.Study.open("STUDY")
study.scores(), study.emergence(), study.leads()  # DataFrames
```
"""


def study_card(study: StudyFolder, name: str) -> str:
    """Markdown with the hub's header. Raises UnderpaintingError where the study is not done."""
    config, images = study.config, study.images
    counted = ", ".join(f"{count} {split}" for split, count in images.items())
    watched = " and ".join(config.watch.branches)
    model, estimator = in_markdown(config.model.name), in_markdown(config.labels.estimator)
    return "\n".join(
        [
            header("dataset", config.model.name),
            f"# What {model} knows of a picture while it is still noise\n",
            f"A study of {len(study.rows)} pictures ({counted}) by underpainting: linear probes of the "
            f"watched layers at each of {config.model.steps} denoising steps, {watched} branch, "
            f"labels by {estimator}. Every figure is from the test pictures.\n",
            _READ.format(name=name),
            about_study(study),
        ]
    )


def about_study(study: StudyFolder) -> str:
    """Sections that cards of a study and of its probes share: scores, emergence, settings, versions, hashes.

    Raises UnderpaintingError where the study is not done.
    """
    shown = [
        source
        for source in sources().values()
        if source.key in ("probe", "ceiling") or source.explains == "layout"
    ]
    scores: list[list[object]] = [
        [
            *(row.property, row.layer, row.step, METRICS[row.metric]),
            *(row.scores.get(source.key) for source in shown),
            row.images,
        ]
        for row in results(study)
    ]
    emerged: list[list[object]] = [
        [row["property"], first_step(row["step"]), step_interval(row["low"], row["high"]) or "-"]
        for row in study.table(study.emergence_file, EMERGENCE).to_pylist()
        if (row["layer"], row["source"], row["criterion"]) == ("best", "probe", "emergence")
    ]
    columns = ["property", "layer", "step", "metric", *(source.title for source in shown)]
    hashes: list[list[object]] = [[name, digest] for name, digest in study.hashes().items()]
    return "\n".join(
        [
            "## Scores at the best layer, last step\n",
            markdown([*columns, "test pictures"], scores),
            "## Emergence\n",
            markdown(["property", "emerges at step", "95 % interval"], emerged),
            "## Settings\n",
            f"```toml\n{config_toml(study.config)}```\n",
            "## Versions and weights\n",
            f"```json\n{json.dumps(made_with(study), indent=1)}\n```\n",
            "## SHA-256\n",
            markdown(["file", "hash"], hashes),
        ]
    )

"""A study's card: a README for the hub, of its scores, settings, versions and hashes."""

from __future__ import annotations

import json

from underpainting.probes.card import header, markdown
from underpainting.records import EMERGENCE, read_table, sha256_file
from underpainting.report.reading import HASHED
from underpainting.study.config import config_toml
from underpainting.study.folder import Study, read_environment
from underpainting.study.results import results
from underpainting.vocabulary import METRICS, first_step, step_interval

_READ = """\
```
underpainting pull {name} STUDY    # its report: STUDY/report/index.html
```

```python
import underpainting

tables = underpainting.read_tables("STUDY")  # DataFrames: scores, emergence, leads, prompts ...
```
"""


def study_card(study: Study, name: str) -> str:
    """Markdown with the hub's header. Raises UnderpaintingError where the study is not done."""
    config, images = study.config, study.images
    of_split = ", ".join(f"{count} {split}" for split, count in images.items())
    watched = " and ".join(config.watch.branches)
    return "\n".join(
        [
            header("dataset", config.model.name),
            f"# What {config.model.name} knows of a picture while it is still noise\n",
            f"A study of {len(study.rows)} pictures ({of_split}) by underpainting: linear probes of the "
            f"self-attention layers at each of {config.model.steps} denoising steps, {watched} branch, "
            f"labels by {config.labels.estimator}. Every figure is from the test pictures.\n",
            _READ.format(name=name),
            about_study(study),
        ]
    )


def about_study(study: Study) -> str:
    """Sections that cards of a study and of its probes share: scores, emergence, settings, versions, hashes.

    Raises UnderpaintingError where the study is not done.
    """
    scores: list[list[object]] = [
        [r.property, r.layer, r.step, METRICS[r.metric], r.probe, r.ceiling, r.position, r.shuffled, r.images]
        for r in results(study)
    ]
    emerged: list[list[object]] = [
        [row["property"], first_step(row["step"]), step_interval(row["low"], row["high"]) or "-"]
        for row in read_table(study.emergence, EMERGENCE).to_pylist()
        if (row["layer"], row["source"], row["criterion"]) == ("best", "probe", "emergence")
    ]
    columns = ["property", "layer", "step", "metric", "probe", "ceiling", "position alone", "shuffled labels"]
    hashes: list[list[object]] = [
        [f"`{name}`", f"`{sha256_file(study.folder / name)}`"]
        for name in HASHED
        if (study.folder / name).is_file()
    ]
    environment = {key: of for key, of in (read_environment(study) or {}).items() if key != "config"}
    return "\n".join(
        [
            "## Scores at the best layer, last step\n",
            markdown([*columns, "test pictures"], scores),
            "## Emergence\n",
            markdown(["property", "emerges at step", "95 % interval"], emerged),
            "## Settings\n",
            f"```toml\n{config_toml(study.config)}```\n",
            "## Versions and weights\n",
            f"```json\n{json.dumps(environment, indent=1)}\n```\n",
            "## SHA-256\n",
            markdown(["file", "hash"], hashes),
        ]
    )

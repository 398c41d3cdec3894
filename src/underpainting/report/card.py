"""A study's card: a README for the hub, of its scores, settings, versions and hashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underpainting.controls import sources
from underpainting.markup import in_markdown
from underpainting.probes.readme import TAGS, markdown, of_hub
from underpainting.records import EMERGENCE
from underpainting.report.contents import made_with
from underpainting.study.request.config import config_toml
from underpainting.study.results import results
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import METRICS, first_step, step_interval

if TYPE_CHECKING:
    from huggingface_hub import DatasetCardData, EvalResult

TASKS = {"saliency": "image-segmentation", "depth": "depth-estimation"}
"""The hub's names of what is read."""
_READ = """\
```
underpainting pull {name} STUDY    # its report: STUDY/report/index.html
```

```python
import underpainting

study = underpainting.Study.open("STUDY")
study.scores(), study.emergence(), study.leads()  # DataFrames
```

```python
from datasets import load_dataset

scores = load_dataset("{name}", "scores", split="test")  # or: {tables}
```
"""


def study_card(study: StudyFolder, name: str) -> str:
    """Markdown with the hub's header. Raises UnderpaintingError where the study is not done."""
    from huggingface_hub import DatasetCard

    config, images = study.config, study.images
    counted = ", ".join(f"{count} {split}" for split, count in images.items())
    watched = " and ".join(config.watch.branches)
    model, estimator = in_markdown(config.model.name), in_markdown(config.labels.estimator)
    text = "\n".join(
        [
            f"---\n{_data(study).to_yaml()}\n---\n",
            f"# What {model} knows of a picture while it is still noise\n",
            f"A study of {len(study.rows)} pictures ({counted}) by underpainting: linear probes of the "
            f"watched layers at each of {config.model.steps} denoising steps, {watched} branch, "
            f"labels by {estimator}. Every figure is from the test pictures.\n",
            _READ.format(name=name, tables=", ".join(tables(study))),
            about_study(study),
        ]
    )
    return str(DatasetCard(text))


def hub_results(study: StudyFolder) -> list[EvalResult]:
    """The probes' scores at the best layers and last step, as the hub lists them with a model.

    Raises UnderpaintingError where the study is not done.
    """
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=TASKS.get(row.property, "other"),
            task_name=row.property,
            dataset_type="underpainting-study",
            dataset_name=f"{row.images} test pictures of {study.config.model.name}",
            dataset_config=row.property,
            dataset_split="test",
            metric_type=row.metric,
            metric_name=METRICS[row.metric],
            metric_value=score,
            metric_args={"layer": row.layer, "step": row.step, "branch": row.branch},
        )
        for row in results(study)
        if (score := row.scores.get("probe")) is not None
    ]


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


def tables(study: StudyFolder) -> dict[str, dict[str, Path]]:
    """The study's tables as the hub's viewer and `datasets` name them: files by split, by table."""
    every = {
        "scores": {"test": study.scores_file, "calibrate": study.calibrate_file},
        "emergence": {"test": study.emergence_file},
        "leads": {"test": study.leads_file},
        "classification": {"test": study.classification_file},
        "pictures": {"train": study.prompts_file},
    }
    return {name: files for name, files in every.items() if all(file.is_file() for file in files.values())}


def _data(study: StudyFolder) -> DatasetCardData:
    """What the hub reads off the card; the model is named where it may be one of the hub's."""
    from huggingface_hub import DatasetCardData

    name = study.config.model.name
    configs: list[dict[str, Any]] = [
        {
            "config_name": table,
            "data_files": [
                {"split": split, "path": file.relative_to(study.folder).as_posix()}
                for split, file in files.items()
            ],
        }
        for table, files in tables(study).items()
    ]
    configs[0]["default"] = True
    own: dict[str, Any] = {"source_model": name} if of_hub(name) else {}
    return DatasetCardData(configs=configs, library_name="underpainting", tags=list(TAGS), **own)

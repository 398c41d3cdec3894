"""The card of an exported data set: what the hub and `datasets` read off it, and what its files are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from huggingface_hub import DatasetCardData

from underpainting.markup import in_markdown
from underpainting.probes.readme import markdown
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT, listed

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
_LOAD = """\
```python
from datasets import load_dataset

rows = load_dataset("FOLDER", split="{split}")  # this folder, or its name on the hub
rows[0]["image"], rows[0]["prompt"]{maps}
```
"""


_FILES = """\
Every map is a PNG file in the folder of its column; `metadata.jsonl` of each split has a line a picture.
A map of 16 bits goes from its least value to its largest, which `COLUMN_low` and `COLUMN_high` tell: value =
low + level / 65535 * (high - low). `sha256sum --check SHA256SUMS` checks all files.
"""
TOLD = (
    " Probes were fitted to the pictures of `fit`, and chosen on those of `calibrate`; of `test` they read "
    "prompts that they never saw."
)


def dataset_card(study: StudyFolder, counts: Mapping[str, int], steps: Sequence[int], searched: bool) -> str:
    """Markdown with the hub's header. counts: pictures by split. searched: whether a search found them."""
    probes, config = study.probes, study.config
    model, estimator = in_markdown(config.model.name), in_markdown(config.labels.estimator)
    total = sum(counts.values())
    data = DatasetCardData(
        task_categories=["text-to-image", "depth-estimation", "image-segmentation"],
        tags=["underpainting", "diffusion", "synthetic"],
        size_categories=[next((words for most, words in SIZES.items() if total < most), "n>1M")],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}/**"} for split in counts],
            }
        ],
    )
    properties = list(probes.properties)
    binary = [name for name in properties if probes.best[name].metric == "dice"]
    rows: list[list[object]] = [
        ["image", "the finished picture"],
        ["prompt, seed", "what it was made of"],
    ]
    if searched:
        rows.append(["score", "how well it meets the wish of the search, 0 to 1"])
    if OBJECT in properties:
        rows.append(["box", "left, top, right, bottom of the object in pixels; null without one"])
    for name in properties:
        kind = "0 and 255" if name in binary else "16 bits"
        rows.append([name, f"label of the finished picture by {estimator}, {kind}"])
        for step in steps:
            layer = probes.best_layer(name, step)
            read = f"what a linear probe of {layer} reads of it at step {step} of {config.model.steps}"
            rows.append([f"{name}_step_{step}", f"{read}, 16 bits"])
    first = next(iter(counts))
    shown = "".join(f', rows[0]["{name}"]' for name in properties)
    splits = listed([f"{count} {re.sub('^train$', 'finished', split)}" for split, count in counts.items()])
    whose = "a search of seeds" if searched else "a study"
    told = TOLD if steps and not searched else ""
    return "\n".join(
        [
            f"---\n{data.to_yaml()}\n---\n",
            f"# Pictures of {model} with their maps\n",
            f"{total} pictures ({splits}) of {whose} by underpainting: {config.model.steps} denoising steps, "
            f"guidance {config.model.guidance_scale:g}.{told}\n",
            _LOAD.format(split=first, maps=shown),
            markdown(["column", "holds"], rows),
            _FILES,
        ]
    )

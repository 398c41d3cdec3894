"""The README of a probe set on the hub: what the probes are and how they are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from underpainting.markup import in_markdown
from underpainting.vocabulary import ProbeLayer

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TAGS = ("underpainting", "linear-probes", "diffusion")
_READ = """\
```python
import underpainting

probes = underpainting.ProbeSet.from_pretrained({name!r})  # the hub's name, or a folder
probe = probes.probe({property!r}, {layer!r}, {step}, {branch!r})
maps = probe.apply(activations)  # [picture, token, channel] of that layer -> [picture, token]
```
"""


def probe_card(
    name: str,
    model: str,
    keys: Collection[tuple[str, str, int, str]],
    layers: Sequence[ProbeLayer],
    best: list[list[object]],
    about: str = "",
    results: Sequence[EvalResult] = (),
) -> str:
    """Markdown with the hub's header: what is probed, best layers, layers, and how to read them.

    keys: property, layer, step and branch of each probe. best: rows of property, layer, metric, step,
    threshold, strength. about: further sections, such as scores and settings of the study. results: scores
    that the hub lists.
    """
    from huggingface_hub import ModelCard, ModelCardData

    property, layer, step, branch = next(iter(keys))
    properties = dict.fromkeys(key[0] for key in keys)
    steps, branches = max(key[2] for key in keys), dict.fromkeys(key[3] for key in keys)
    grids = [[of.name, f"{of.grid[0]} x {of.grid[1]}", of.channels] for of in layers]
    data = ModelCardData(
        library_name="underpainting",
        tags=list(TAGS),
        base_model=model if of_hub(model) else None,
        model_name=name if results else None,
        eval_results=list(results) or None,
    )
    parts = [
        f"---\n{data.to_yaml()}\n---\n",
        f"# Linear probes of {in_markdown(model)}\n",
        f"{len(keys)} linear maps from the activations of a diffusion model's layers to "
        f"{in_markdown(', '.join(properties))}, for {steps} denoising steps (counted from 1) and the "
        f"{in_markdown(' and '.join(branches))} branch of guidance, by underpainting. A reading is "
        "`activations @ weight + bias`, a token at a time; a binary property is there where the reading is "
        "above the threshold.\n",
        _READ.format(name=name, property=property, layer=layer, step=step, branch=branch),
        "## Best layers\n",
        markdown(["property", "layer", "chosen by", "step", "threshold", "ridge strength"], best),
        about,
        "## Layers\n",
        markdown(["layer", "grid", "channels"], grids),
        "`card.json` has every probe's threshold and ridge strength, `probes.safetensors` a tensor "
        "`property/layer/step/branch` [channel + 1], bias last, for each.\n",
    ]
    return str(ModelCard("\n".join(part for part in parts if part)))


def of_hub(model: str) -> bool:
    """Whether a model's name may be one of the hub's."""
    return re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", model) is not None


def markdown(columns: list[str], rows: list[list[object]]) -> str:
    """A Markdown table of texts and numbers."""
    shown = [columns, ["---"] * len(columns), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in shown) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else in_markdown(str(value))

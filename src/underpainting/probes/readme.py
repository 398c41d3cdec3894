"""The README of a probe set on the hub: what the probes are and how they are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from underpainting.markup import in_markdown
from underpainting.vocabulary import ProbeLayer

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
) -> str:
    """Markdown with the hub's header: what is probed, best layers, layers, and how to read them.

    keys: property, layer, step and branch of each probe. best: rows of property, layer, metric, step,
    threshold, strength. about: further sections, such as scores and settings of the study.
    """
    property, layer, step, branch = next(iter(keys))
    properties = dict.fromkeys(key[0] for key in keys)
    steps, branches = max(key[2] for key in keys), dict.fromkeys(key[3] for key in keys)
    grids = [[of.name, f"{of.grid[0]} x {of.grid[1]}", of.channels] for of in layers]
    parts = [
        header("model", model),
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
    return "\n".join(part for part in parts if part)


def header(kind: str, model: str) -> str:
    """What the hub reads off a card; the model is named where it may be one of the hub's."""
    lines = ["library_name: underpainting", "tags:", "- underpainting", "- linear-probes", "- diffusion"]
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", model):
        lines.append(f"base_model: {model}" if kind == "model" else f"source_model: {model}")
    return "\n".join(["---", *lines, "---", ""])


def markdown(columns: list[str], rows: list[list[object]]) -> str:
    """A Markdown table of texts and numbers."""
    shown = [columns, ["---"] * len(columns), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in shown) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else in_markdown(str(value))

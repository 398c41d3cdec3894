"""The card of a probe set: a README that says what the probes are and how they are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from underpainting.probes.probe import ProbeSet

_READ = """\
```python
import underpainting

probes = underpainting.ProbeSet.from_pretrained({name!r})  # the hub's name, or a folder
probe = probes.at({layer!r}, {step}, {branch!r})
maps = probe.apply(activations)  # [picture, token, channel] of that layer -> [picture, token, property]
```
"""


def probe_card(probes: ProbeSet, name: str, about: str = "") -> str:
    """Markdown with the hub's header: what is probed, best layers, layers, and how to read them.

    about: further sections, such as scores and settings of the study that the probes are of.
    """
    first = next(iter(probes.entries))
    best = [
        [property, of.layer, of.metric, *_last(probes, property, of.layer)]
        for property, of in probes.best.items()
    ]
    layers = [[of.name, f"{of.grid[0]} x {of.grid[1]}", of.channels] for of in probes.layers]
    read = _READ.format(name=name, layer=first.layer, step=first.step, branch=first.branch)
    parts = [
        header("model", probes.model),
        f"# Linear probes of {probes.model}\n",
        f"{len(probes.entries)} linear maps from the activations of a diffusion model's layers to "
        f"{', '.join(probes.properties)}, for {probes.steps} denoising steps (counted from 1) and the "
        f"{' and '.join(probes.branches)} branch of guidance, by "
        "underpainting. A reading is `activations @ weight + "
        "bias`, a token at a time; a binary property is there where the reading is above the threshold.\n",
        read,
        "## Best layers\n",
        markdown(["property", "layer", "chosen by", "step", "threshold", "ridge strength"], best),
        about,
        "## Layers\n",
        markdown(["layer", "grid", "channels"], layers),
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
    """A Markdown table."""
    shown = [columns, ["---"] * len(columns), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in shown) + "\n"


def _last(probes: ProbeSet, property: str, layer: str) -> list[object]:
    """Step, threshold and ridge strength of a property's last probe at a layer."""
    keys = [key for key in probes.entries if (key.property, key.layer) == (property, layer)]
    key = max(keys, key=lambda key: (key.step, key.branch == "conditional"))
    return [key.step, probes.entries[key].threshold, probes.entries[key].strength]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)

"""The reference of the Python functions: a page of the names for mkdocstrings to fill."""

from __future__ import annotations

import underpainting

GIVEN = {
    "underpainting.diffusion": ("Model", "Denoised", "StepRecord", "WordMaps", "Layer"),
    "underpainting.probes": ("Probe", "FittedProbe"),
    "underpainting.intervention.result": ("Intervention",),
    "underpainting.seeds.searched": ("Searched",),
    "underpainting.observers.protocols": ("Estimator", "Classifier"),
}
"""Classes that the public functions give or take, by where they are."""
_HEAD = """\
# Python functions

`import underpainting` gives these names; each is imported when it is first used.
[A study in Python](../python.md) shows them at work.
"""


def reference() -> str:
    """The page in Markdown: an entry a public name, then what these give and take."""
    public = [f"underpainting.{name}" for name in underpainting.__all__ if not name.startswith("_")]
    given = [f"{home}.{name}" for home, names in GIVEN.items() for name in names]
    entries = [f"::: {name}\n" for name in sorted(public, key=str.lower)]
    return "\n".join([_HEAD, *entries, "## What they give and take\n", *(f"::: {name}\n" for name in given)])

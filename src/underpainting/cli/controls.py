"""`underpainting controls`: what can stand beside the probe."""

from __future__ import annotations

from underpainting.cli._options import Json

PANEL, PLACE = "Study", 9
EXAMPLES = ("underpainting controls", "underpainting init STUDY --prompts FILE --controls latents,network")


def controls(json: Json = False) -> None:
    """List the controls that `init --controls` takes: what each scores, what it costs, which are defaults."""
    from underpainting.cli._screen import as_json, table
    from underpainting.controls import controls as registered

    known = registered()
    if json:
        as_json(
            [
                {
                    "key": key,
                    "sources": [of.key for of in one.sources],
                    "cost": one.cost,
                    "default": one.default,
                }
                for key, one in known.items()
            ]
        )
        return
    rows = [
        [key, "yes" if one.default else "no", ", ".join(of.phrase for of in one.sources), one.cost]
        for key, one in known.items()
    ]
    table(["control", "default", "what is scored", "what it costs"], rows)

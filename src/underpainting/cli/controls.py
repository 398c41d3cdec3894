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
                    "sources": [source.key for source in control.sources],
                    "cost": control.cost,
                    "default": control.default,
                }
                for key, control in known.items()
            ]
        )
        return
    rows = []
    for key, control in known.items():
        titles = ", ".join(source.title for source in control.sources)
        rows.append([key, "yes" if control.default else "no", titles, control.cost])
    table(["control", "default", "what is scored", "what it costs"], rows)

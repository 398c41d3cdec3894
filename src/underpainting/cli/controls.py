"""`underpainting controls`: what can stand beside the probe."""

from __future__ import annotations

import typer

from underpainting.cli._options import Json

PANEL, PLACE = "Study", 9
EXAMPLES = (
    "underpainting controls",
    "underpainting init STUDY --prompts FILE --controls latents,network,fresh",
)


def controls(json: Json = False) -> None:
    """List the controls that `init --controls` takes: what each rules out, where the probe is above it.

    Also what is scored, what it costs, and which are used unless --controls says otherwise; then which of
    them show that something is held inside the network.
    """
    from underpainting.cli._screen import as_json, table
    from underpainting.controls import EXPLANATIONS, ways_to_try
    from underpainting.controls import controls as registered

    known = registered()
    rules_out = {
        key: [EXPLANATIONS[kind] for kind in dict.fromkeys(of.explains for of in control.sources) if kind]
        for key, control in known.items()
    }
    if json:
        as_json(
            [
                {
                    "key": key,
                    "sources": [source.key for source in control.sources],
                    "rules_out": rules_out[key],
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
        rows.append(
            [key, "yes" if control.default else "no", ", ".join(rules_out[key]) or "-", titles, control.cost]
        )
    table(["control", "used", "rules out", "what is scored", "what it costs"], rows)
    typer.echo("used: by studies whose --controls does not say otherwise")
    typer.echo(
        "rules out: as what explains a score, where the probe is above the control; -: it only compares"
    )
    ways = "; ".join(f"{' or '.join(keys)}, {way}" for way, keys in ways_to_try().items())
    typer.echo(f"held inside the network: where the probe is above all, with one of each among them: {ways}")

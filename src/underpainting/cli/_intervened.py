"""What `underpainting intervene` prints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from underpainting.cli._screen import as_json, table
from underpainting.intervention.act import Batch
from underpainting.intervention.picture import Intervened, measure


def show_one(made: Intervened, home: Path, json: bool) -> None:
    """Print how one picture agrees with its target, unedited and edited."""
    if json:
        as_json({"folder": str(home), **_about(made)})
        return
    agree = {name: made.scores[name, "target"] for name in made.edit.properties}
    rows: list[list[object]] = [
        [f"{name}, {measure(name)} with the target", *of, ""] for name, of in agree.items()
    ]
    if objects := made.objects.values():
        rows.append(["object's middle", *(f"{of.right:.2f},{of.down:.2f}" for of in objects)])
        rows.append(["object's share of the picture", *(f"{of.share:.1%}" for of in objects)])
    if made.before.seen is not None:
        rows.append(["class", made.before.seen, made.after.seen, ""])
    table(["", "unedited", "edited", "asked"], rows)
    for sentence in _advice(made):
        typer.echo(sentence)
    typer.echo(f"done: {home / 'strip.png'}")


def show_batch(batch: Batch, json: bool) -> None:
    """Print the same of many, a table a property."""
    if json:
        pictures = {image: _about(made) for image, made in batch.made.items()}
        as_json({"folder": str(batch.folder), "pictures": pictures, "left_out": batch.left_out})
        return
    for name in dict.fromkeys(name for made in batch.made.values() for name in made.edit.properties):
        rows = [
            [
                image,
                *made.scores[name, "target"],
                made.before.seen,
                made.after.seen,
                _said(made.followed[name]),
            ]
            for image, made in batch.made.items()
            if name in made.edit.properties
        ]
        columns = ["picture", "unedited", "edited", "class", "class edited", "followed"]
        typer.echo(f"{name}, {measure(name)} with the target")
        table(columns, rows)
    followed = sum(all(made.followed.values()) for made in batch.made.values())
    left = f"; {len(batch.left_out)} left out" if batch.left_out else ""
    typer.echo(f"{followed} of {len(batch.made)} pictures follow their target{left}")
    typer.echo(f"done: {batch.folder}")


def _about(made: Intervened) -> dict[str, Any]:
    scores = {" ".join(filter(None, key)): pair for key, pair in made.scores.items()}
    both = {name: {"unedited": old, "edited": edited} for name, (old, edited) in scores.items()}
    seen = {"unedited": made.before.seen, "edited": made.after.seen}
    about = {"scores": both, "object": {name: asdict(of) for name, of in made.objects.items()}, "class": seen}
    return {**about, "followed": made.followed, "advice": _advice(made)}


def _advice(made: Intervened) -> list[str]:
    (name, value), *_ = made.another.items()
    option = {"kind": "--edit {}", "strength": "--strength {:g}"}[name].format(value)
    return [f"{sentence}; try {option}" for sentence in made.shortfalls]


def _said(yes: bool) -> str:
    return "yes" if yes else "no"

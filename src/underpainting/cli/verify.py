"""`underpainting verify`: check a study's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("underpainting verify STUDY", "underpainting verify STUDY --json")


def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of the study.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check all files of a study against their checksums; say what `run` would make again.

    Nothing is changed. Exit code 0: all is well; 1: something is damaged or missing.
    """
    from underpainting.cli.show import as_json, table
    from underpainting.study.damage import find_damage
    from underpainting.study.study import open_study

    study = open_study(folder)
    found = find_damage(study)
    whole = sum(study.is_whole(shard) for shard in study.shards)
    if json:
        damage = [{"path": str(d.path), "problem": d.problem, "remedy": d.remedy} for d in found]
        as_json({"shards": len(study.shards), "made": whole, "done": study.done, "damage": damage})
    elif found:
        rows = [[str(d.path.relative_to(folder)), d.problem, d.remedy] for d in found]
        table(["damaged", "what is wrong", f"what `underpainting run {folder}` does"], rows)
    else:
        state = "done" if study.done else "not finished"
        typer.echo(f"{folder}: nothing damaged, {whole} of {len(study.shards)} shards made, {state}")
    raise typer.Exit(1 if found else 0)

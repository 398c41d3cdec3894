"""`underpainting verify`: check a study's files."""

from __future__ import annotations

import typer

from underpainting.cli._options import AnyStudy, Json

PANEL, PLACE = "Study", 6
EXAMPLES = ("underpainting verify STUDY", "underpainting verify STUDY --json")


def verify(study: AnyStudy, json: Json = False) -> None:
    """Check all files of a study against their checksums; say what `run` would make again.

    Nothing is changed. Exit code 0: all is well; 1: something is damaged or missing.
    """
    from underpainting.cli._screen import as_json, table
    from underpainting.study.damage import find_damage
    from underpainting.study.study import open_study

    opened = open_study(study)
    damage = find_damage(opened)
    whole = sum(opened.is_whole(shard) for shard in opened.shards)
    if json:
        rows = [{"path": str(one.path), "problem": one.problem, "remedy": one.remedy} for one in damage]
        as_json({"shards": len(opened.shards), "made": whole, "done": opened.is_done, "damage": rows})
    elif damage:
        table(
            ["damaged", "what is wrong", f"what `underpainting run {study}` does"],
            [[str(one.path.relative_to(study)), one.problem, one.remedy] for one in damage],
        )
    else:
        state = "done" if opened.is_done else "not finished"
        typer.echo(f"{study}: nothing damaged, {whole} of {len(opened.shards)} shards made, {state}")
    raise typer.Exit(1 if damage else 0)

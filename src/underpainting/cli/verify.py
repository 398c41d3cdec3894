"""`underpainting verify`: check a study's files, or a capture's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Json

PANEL, PLACE = "Study", 6
EXAMPLES = ("underpainting verify STUDY", "underpainting verify STUDY --json", "underpainting verify CAPTURE")


def verify(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study, or of a capture.")],
    json: Json = False,
) -> None:
    """Say how far a study is, check all its files, and say what `run` would make again.

    Of a folder of `capture`, every image is read. Nothing is changed. Exit code 0: all is well; 1: something
    is damaged or missing.
    """
    from underpainting.captures.files import AGAIN, CARD
    from underpainting.cli._screen import as_json, table
    from underpainting.study.damage import Damage, find_damage
    from underpainting.study.study import open_study

    if (folder / CARD).exists():
        from underpainting.captures.read import Captures

        captures = Captures(folder)
        damage = [Damage(path, problem, AGAIN) for path, problem in captures.damage()]
        about: dict[str, object] = {"images": len(captures.images)}
        state = f"{len(captures.images)} images"
    else:
        study = open_study(folder)
        damage = find_damage(study)
        whole, done = sum(study.is_whole(shard) for shard in study.shards), study.is_done
        about = {"shards": len(study.shards), "made": whole, "done": done}
        made = f"{study.pictures_made} of {len(study.rows)} pictures, {whole} of {len(study.shards)} shards"
        state = f"{made} made, {'done' if done else 'not finished'}"
    if json:
        rows = [{"path": str(one.path), "problem": one.problem, "remedy": one.remedy} for one in damage]
        as_json({**about, "damage": rows})
    elif damage:
        table(
            ["damaged", "what is wrong", "what makes it again"],
            [[str(one.path.relative_to(folder)), one.problem, one.remedy] for one in damage],
        )
    else:
        typer.echo(f"{folder}: nothing damaged, {state}")
    raise typer.Exit(1 if damage else 0)

"""`underpainting search`: many seeds are begun, few are finished."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import (
    Address,
    DoneStudy,
    GpusPerWorker,
    Json,
    On,
    Seeds,
    Threads,
    Wishes,
    Workers,
)

PANEL, PLACE = "Act", 4
EXAMPLES = (
    'underpainting search demo --prompt "a blue mug on a wooden floor" --wish "left third"',
    'underpainting search demo --prompt "a lemon on a carpet" --wish large --wish "lit from the left * 0.5"',
    'underpainting search demo --prompt "a red car" --wish "mask drawn.png" --among 400 --finish 8',
    'underpainting search demo --prompt "a red car" --wish "like prompt_3_seed_7" --seeds 100:200',
    'underpainting search demo --prompt "a red car" --wish large --among 1000 --workers auto',
)


def search(
    study: DoneStudy,
    prompt: Annotated[str, typer.Option(help="Prompt of the pictures.")],
    wish: Wishes = None,
    among: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="How many seeds, from 0 on.", show_default="200")
    ] = None,
    seeds: Seeds = None,
    finish: Annotated[int, typer.Option(min=1, max=100_000, help="How many pictures to finish.")] = 4,
    read: Annotated[
        str,
        typer.Option(
            help="What predicts: probe, estimator (of the decoded clean prediction), or noise (a map of the "
            "initial one, before any step)."
        ),
    ] = "probe",
    out: Annotated[
        Path | None, typer.Option(help="Folder to make.", show_default="one in the study's seeds")
    ] = None,
    workers: Workers = None,
    on: On = "here",
    address: Address = None,
    gpus_per_worker: GpusPerWorker = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Find, of many seeds, those whose pictures are as you wish, and finish these alone.

    A wish is a place ("left third", "top left", "center 0.3,0.6"), a size (large, small, "size 0.2"), "box
    LEFT,TOP,RIGHT,BOTTOM" in shares of the picture, "mask FILE", near, far, "lit from the left", "like
    PICTURE" (one of the study's, or a file), or MODULE:FUNCTION, which scores maps. Several count by their
    weights ("large * 0.5").

    All seeds are denoised for a step; those that most likely hold the best go on from where they are, cut
    after cut, until only those that are finished are left. How sure a prediction is, the study's calibrate
    pictures teach. The folder holds the finished pictures, a sheet of how they came to be, previews of the
    others, a table of all seeds, and what it cost. The same command goes on where it stopped, and another
    wish for the same prompt takes up what was made.
    """
    from underpainting.cli._options import given_seeds, placed
    from underpainting.cli._screen import as_json, table
    from underpainting.errors import UnderpaintingError
    from underpainting.screen import BATCHES, progress

    if among is not None and seeds is not None:
        raise UnderpaintingError("give --among for seeds from 0 on, or --seeds for others, not both")
    with progress(BATCHES) as shown:
        where = placed(workers, on, address, gpus_per_worker)
        from underpainting.seeds.search import search as act
        from underpainting.study.study import open_study

        chosen = range(among or 200) if seeds is None else given_seeds(seeds, shown.note)
        searched = act(
            open_study(study),
            prompt,
            wish or (),
            seeds=chosen,
            finish=finish,
            read=read,
            out=out,
            progress=shown,
            **where,
        )
    if json:
        as_json(searched.summary)
    else:
        if searched.lessons:
            typer.echo("How well what is read at each cut foretold the score of finished calibrate pictures:")
            cuts = [[x.step, x.correlation, x.deviation] for x in searched.lessons]
            table(["cut at step", "correlation", "give or take"], cuts)
        finished = [row for row in searched.rows if row.score is not None]
        typer.echo(f'The finished pictures; 1 meets "{searched.asked["wish"]}" wholly:')
        rows = [[row.seed, row.score, row.expected] for row in finished]
        table(["seed", "score", "foretold after the last cut"], rows)
        typer.echo(f"seed {finished[0].seed} meets it best: {searched.picture_file(finished[0].seed)}")
        typer.echo(searched.cost.sentence)
    typer.echo(f"done: {searched.folder}", err=json)

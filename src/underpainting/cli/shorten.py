"""`underpainting shorten`: what does it cost to do less from a step on?"""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Json, Threads

PANEL = "Ask"
EXAMPLES = (
    "underpainting shorten demo",
    "underpainting shorten demo --after 2,4,6,8,10 --pictures 40 --json",
)


def shorten(
    study: DoneStudy,
    after: Annotated[
        str | None,
        typer.Option(help="Last steps as they were, with commas between.", show_default="three of them"),
    ] = None,
    pictures: Annotated[int, typer.Option(min=2, max=1_000_000, help="Test pictures, one a prompt.")] = 64,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Ask what it costs to do less from a step on: to drop guidance, or to take every second step alone.

    Test pictures are made whole, then again from their own latents after each of the steps. Printed are the
    rows that the network is given for a picture (guidance gives it two at an evaluation), and how much of the
    whole picture is kept: the object's place, depth, shading, class, colour, and the pictures' kind. Beside
    them stand runs of fewer steps from the beginning, at as many rows, and another seed. Scores and figure
    are kept in STUDY/seeds; stopped at any moment, the same command goes on after the last whole batch.
    """
    from underpainting.cli._options import numbers
    from underpainting.cli._screen import interval, rows_as_json, table
    from underpainting.screen import BATCHES, progress

    with progress(BATCHES) as shown:
        from underpainting.findings.shortened import FRECHET, KERNEL, sentences, title
        from underpainting.report.shortened import write_shortened
        from underpainting.seeds.shorten import shorten as ask
        from underpainting.study.study import open_study

        opened = open_study(study)
        answer = ask(opened, after=numbers(after, "--after"), pictures=pictures, progress=shown)
        file = write_shortened(opened, answer)
    if json:
        rows_as_json(answer.rows)
        typer.echo(f"done: {file}", err=True)
        return
    cells = {(row.way, row.step, row.property, row.metric): row for row in answer.rows}
    ways = list(dict.fromkeys((row.way, row.step) for row in answer.rows))
    own = [key for key in dict.fromkeys(key[2:] for key in cells) if key[1] == "own"]
    others = [("", metric) for metric in ("class_kept", "colour_change", KERNEL, FRECHET)]
    scores = [*own, *(key for key in others if any(of[2:] == key for of in cells))]
    names = {"class_kept": "class kept", "colour_change": "colour change", KERNEL: "kernel distance"}
    columns = ["made with", "rows", "evaluations"]
    for name, metric in scores:
        columns += [f"{name} kept" if name else names.get(metric, "Fréchet distance")]
        columns += ["95 % interval"] if metric != FRECHET else []
    rows: list[list[object]] = []
    for way in ways:
        of_way = next(row for row in answer.rows if (row.way, row.step) == way)
        line: list[object] = [title(*way), f"{of_way.rows:g}", f"{of_way.evaluations:g}"]
        for name, metric in scores:
            cell = cells.get((*way, name, metric))
            line.append(cell.mean if cell else None)
            if metric != FRECHET:
                line.append(interval(cell.low, cell.high) if cell else "-")
        rows.append(line)
    table(columns, rows)
    for sentence in sentences(answer.rows):
        typer.echo(sentence)
    typer.echo(f"done: {file}")

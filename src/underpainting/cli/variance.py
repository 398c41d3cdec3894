"""`underpainting variance`: what does the seed decide, what the prompt?"""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Json, Threads

PANEL = "Ask"
EXAMPLES = (
    "underpainting variance demo",
    "underpainting variance demo --prompts 24 --seeds 24 --json",
)


def variance(
    study: DoneStudy,
    prompts: Annotated[int, typer.Option(min=2, max=10_000, help="Test prompts, spread evenly.")] = 12,
    seeds: Annotated[int, typer.Option(min=2, max=10_000, help="Seeds that no picture of it has.")] = 12,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Ask how much of a picture's layout its seed decides, how much its prompt: does choosing seeds pay?

    A picture is made of every prompt with every seed. Of where the object is, how large, how deep and how
    light, shares of the variance are printed with 95 % intervals over prompts and seeds: of the finished
    pictures, with --json also of what probes read at each step. They are kept in
    STUDY/seeds/variance.parquet; stopped at any moment, the same command goes on after the last whole batch.
    """
    from underpainting.cli._screen import interval, rows_as_json, table
    from underpainting.screen import BATCHES, progress

    with progress(BATCHES) as shown:
        from underpainting.findings.variance import FINISHED, verdicts
        from underpainting.seeds.layout import QUANTITIES
        from underpainting.seeds.variance import variance as ask
        from underpainting.study.study import open_study

        opened = open_study(study)
        answer = ask(opened, prompts=prompts, seeds=seeds, progress=shown)
    if json:
        rows_as_json(answer)
        return
    finished = [row for row in answer if row.step == FINISHED]
    columns = ["finished pictures", "prompts", "seeds", "deviation", "of one prompt", "seed", "95 % interval"]
    columns += ["prompt", "95 % interval", "together", "95 % interval"]
    rows: list[list[object]] = []
    for r in finished:
        about = [r.quantity, r.prompts, r.seeds, r.deviation, r.within]
        about += [r.seed, interval(r.seed_low, r.seed_high), r.prompt, interval(r.prompt_low, r.prompt_high)]
        rows.append([*about, r.together, interval(r.together_low, r.together_high)])
    table(columns, rows)
    for line in verdicts(answer, QUANTITIES):
        typer.echo(line)
    typer.echo(f"done: {opened.variance_file}")

"""`underpainting transfer`: do a study's probes carry over?"""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Json, Threads

PANEL = "Ask"
EXAMPLES = (
    "underpainting transfer demo --leave-out mug,car,lemon",
    "underpainting transfer demo --prompts unseen.csv --json",
    "underpainting transfer demo --empty-prompt",
)


def transfer(
    study: DoneStudy,
    leave_out: Annotated[
        str | None, typer.Option(help="Words whose prompts are left out of fitting, each in turn.")
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="CSV or Parquet of other prompts to read with the study's probes.")
    ] = None,
    empty_prompt: Annotated[
        bool, typer.Option("--empty-prompt", help="Read pictures of the test seeds made from no prompt.")
    ] = False,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Ask whether probes read what they were never fitted to: words left out, or other prompts.

    With --leave-out, pictures are made again and probes fitted without the prompts that have the word, then
    scored on test pictures that do, beside probes of all fit pictures. With --prompts, the study's own probes
    are scored on new pictures, beside their scores on the study's test pictures; with --empty-prompt, on
    pictures that the same seeds give without a prompt. At the best layers, steps 1, 3, 8 and 15. The study is
    not changed.
    """
    from underpainting.cli._options import listed
    from underpainting.cli._screen import interval, rows_as_json, table
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting.questions.transfer import transfer as ask
        from underpainting.study.study import open_study
        from underpainting.vocabulary import METRICS

        answer = ask(
            open_study(study),
            words=listed(leave_out) or (),
            prompts=prompts,
            empty_prompt=empty_prompt,
            progress=shown,
        )
    if json:
        rows_as_json(answer)
        return
    columns = ["property", "layer", "step", "metric", "unlike", "pictures", "score", "known", "difference"]
    rows: list[list[object]] = []
    for r in answer:
        row = [r.property, r.layer, r.step, METRICS[r.metric], r.unlike, r.pictures, r.score, r.known]
        rows.append([*row, r.difference, interval(r.low, r.high)])
    table([*columns, "95 % interval"], rows, keys=5)

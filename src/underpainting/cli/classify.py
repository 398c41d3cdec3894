"""`underpainting classify`: when is the object recognised?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from underpainting.cli._options import Json, Seed, Threads, Variant
from underpainting.vocabulary import GUIDANCE, STEPS

if TYPE_CHECKING:
    from underpainting.findings.classification import Accuracy

PANEL = "Ask"
EXAMPLES = (
    "underpainting classify demo",
    "underpainting classify demo photo.jpg",
    'underpainting classify --prompt "a lemon" --seed 7 --guidance-scale 3',
    "underpainting classify steps/ --classifier vgg16 --class lemon",
    'underpainting classify photo-1.jpg photo-2.jpg --prompt "a lemon" --class lemon',
)


def classify(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[STUDY] [PICTURES]",
            help="A study; folders of step pictures NAME_step_0.png ...; photographs.",
        ),
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Make a picture of this prompt.")] = None,
    seed: Seed = 0,
    model: Annotated[str, typer.Option(help="Name or folder of the pipeline that makes it.")] = "stilllife",
    variant: Variant = None,
    steps: Annotated[int, typer.Option(min=1, max=STEPS, help="Its denoising steps.")] = 15,
    guidance_scale: Annotated[
        float, typer.Option(min=0, max=GUIDANCE, help="Its classifier-free guidance.")
    ] = 7.5,
    classifier: Annotated[
        str | None,
        typer.Option(
            help="stilllife, vgg16, timm:NAME, OWNER/NAME on the hub, a folder, or module:Class.",
            show_default="a study's own, or stilllife",
        ),
    ] = None,
    right: Annotated[
        str | None,
        typer.Option(
            "--class", help="Right classes, with commas between.", show_default="those that the prompt names"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for table and figures.")] = Path("classification"),
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Say what a classifier sees in pictures, and from which step it recognises what is being made.

    Of a study that was run with a classifier, what it saw: accuracy by step, on the noisy pictures and on the
    predicted clean ones, beside linear class probes on the network's own activations. Of anything else, or
    with another classifier, pictures are classified now; beside a study, they alone, by the study's
    classifier. Table and figures go to a folder: of each
    photograph its first classes, of each image with steps those that ever lead. The right class is needed
    only to say from which step it is recognised, and what share is right.
    """
    from underpainting.cli._options import listed
    from underpainting.cli._recognition import recognition, recognition_as_json
    from underpainting.findings import classification_of
    from underpainting.questions import classify as question
    from underpainting.records import CLASSIFICATION, require_makeable, sealing, write_table
    from underpainting.report.answers import write_classified
    from underpainting.screen import progress
    from underpainting.study.request.config import parse_config
    from underpainting.study.study import open_study

    given, names = sources or [], listed(right) or ()
    layer, probe = "", list["Accuracy"]()
    if len(given) == 1 and question.is_study(given[0]) and classifier is None and prompt is None:
        seen, layer, probe = classification_of(open_study(given[0]), names)
        done = given[0] / "classification.parquet"
    else:
        require_makeable(out, "name another folder by --out")
        given_model = {"name": model, "steps": steps, "guidance_scale": guidance_scale, "variant": variant}
        config = parse_config({"model": given_model}, "options").model
        asked: dict[str, Any] = {"prompt": prompt, "seed": seed, "config": config, "right": names}
        with progress() as shown:
            answer = question.classify(given, **asked, classifier=classifier, progress=shown)
            with sealing(out / "classification.parquet") as temporary:
                write_table(temporary, answer.table, CLASSIFICATION)
            write_classified(answer, out)
        seen, done = answer.seen, out
    (recognition_as_json if json else recognition)(seen, layer, probe)
    typer.echo(f"done: {done}", err=json)

"""`underpainting classify`: when is the object recognised?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from underpainting.cli._options import Threads

if TYPE_CHECKING:
    from underpainting.findings.classification import Accuracy

EXAMPLES = (
    "underpainting classify demo",
    'underpainting classify --prompt "a lemon" --seed 7 --guidance-scale 3',
    "underpainting classify steps/ --classifier vgg16 --class lemon",
    'underpainting classify photo-1.jpg photo-2.jpg --prompt "a lemon" --class lemon',
)


def classify(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="A study; or folders of step pictures NAME_step_0.png ..., and photographs."),
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Make a picture of this prompt.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of its noise.")] = 0,
    model: Annotated[str, typer.Option(help="Name or folder of the pipeline that makes it.")] = "stilllife",
    variant: Annotated[
        str | None, typer.Option(help="Of its weights' files, such as fp16.", show_default="the plain ones")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Its denoising steps.")] = 15,
    guidance_scale: Annotated[float, typer.Option(min=0, help="Its classifier-free guidance.")] = 7.5,
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
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say what a classifier sees in pictures, and from which step it recognises what is being made.

    Of a study that was run with a classifier, what it saw: accuracy by step, on the noisy pictures and on the
    predicted clean ones, beside linear class probes on the network's own activations. Of anything else, or
    with another classifier, pictures are classified now; table and figures go to a folder: of each
    photograph its first classes, of each image with steps those that ever lead. The right class is needed
    only to say from which step it is recognised, and what share is right.
    """
    from dataclasses import asdict

    from underpainting.cli.progress import progress
    from underpainting.cli.recognition import recognition
    from underpainting.cli.show import as_json, listed
    from underpainting.findings.classification import accuracies, calibration, recognised
    from underpainting.study.config import ModelConfig
    from underpainting.workflow import classification
    from underpainting.workflow import classify as work

    given, names = sources or [], listed(right) or ()
    is_study = len(given) == 1 and (given[0] / "study.toml").is_file()
    layer, probe = "", list["Accuracy"]()
    if is_study and classifier is None and prompt is None:
        seen, layer, probe = classification(given[0], names)
        done = given[0] / "classification.parquet"
    else:
        config = ModelConfig(name=model, steps=steps, guidance_scale=guidance_scale, variant=variant)
        options: dict[str, Any] = {"classifier": classifier or "stilllife", "right": names, "out": out}
        with progress() as shown:
            seen = work(given, prompt=prompt, seed=seed, model=config, progress=shown, **options)
        done = out
    if json:
        parts: dict[str, list[Any]] = {
            "recognised": recognised(seen),
            "accuracy": [*accuracies(seen), *probe],
            "calibration": calibration(seen),
        }
        as_json({"class_probe": layer, **{name: [asdict(row) for row in of] for name, of in parts.items()}})
    else:
        recognition(seen, layer, probe)
    typer.echo(f"done: {done}", err=json)

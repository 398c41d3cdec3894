"""Arguments and options that several commands share, and those that a study's config gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

from underpainting.errors import UnderpaintingError
from underpainting.study.request.options import Option, options
from underpainting.threads import ask_for
from underpainting.vocabulary import SEEDS

EDIT = "Edit"
AnyStudy = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")]
DoneStudy = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study that is done.")]
Seed = Annotated[int, typer.Option(min=0, max=SEEDS - 1, help="Seed of its noise.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Variant = Annotated[
    str | None,
    typer.Option(help="Of the pipeline's weights' files, such as fp16.", show_default="the plain ones"),
]

Kind = Annotated[
    str | None,
    typer.Option(
        "--edit", rich_help_panel=EDIT, help="carry, covariance, minimum or gradient.", show_default=False
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=EDIT, help="1: all the way to the target; more: beyond.", show_default=False
    ),
]
Steps = Annotated[
    str | None,
    typer.Option(
        metavar="FIRST-LAST", rich_help_panel=EDIT, help="Steps that are edited.", show_default=False
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=EDIT, help="Layers that are edited, with commas between.", show_default=False
    ),
]
Branches = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=EDIT,
        help="Branches that are edited: conditional, unconditional, with commas between.",
        show_default=False,
    ),
]

Seeds = Annotated[
    str | None,
    typer.Option(metavar="FIRST:END", help="Seeds, the end not among them; or numbers with commas between."),
]
Wishes = Annotated[
    list[str] | None,
    typer.Option("--wish", metavar="WISH", help="What pictures are to be like; may be given again."),
]

Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=4096,
        callback=ask_for,
        expose_value=False,
        help="Threads that each process computes with.",
        show_default="as the study was begun; else as many as CPUs are given",
    ),
]


Workers = Annotated[
    str | None,
    typer.Option(
        metavar="INTEGER|auto",
        help="Processes that make pictures; CPUs and GPUs are shared out among them. auto: one a GPU.",
    ),
]
On = Annotated[
    str, typer.Option(metavar="here|ray", help="Where they run: on this machine, or on a Ray cluster.")
]
Address = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The cluster's head; else the one that this machine is in."),
]
GpusPerWorker = Annotated[
    float | None, typer.Option(help="GPUs of each worker on a cluster, such as 0.5; else one.")
]


def placed(
    workers: str | None, on: str, address: str | None, gpus_per_worker: float | None
) -> dict[str, Any]:
    """The workers and the cluster that were asked for. It is to be called before anything large is imported.

    Raises UnderpaintingError as `find_cluster` and `count_workers`.
    """
    from underpainting.study.lifeline import import_meanwhile

    many: Any = int(workers) if workers and workers.isdecimal() else workers
    if on == "here" and isinstance(many, int) and many > 1:
        import_meanwhile()
    from underpainting.study.executors import count_workers, find_cluster

    cluster = find_cluster(on, address, gpus_per_worker)
    return {"workers": count_workers(many, cluster), "cluster": cluster}


def edit_settings(
    kind: str | None, strength: float | None, steps: str | None, layers: str | None, branches: str | None
) -> dict[str, Any]:
    """The settings of an edit that were given. Raises UnderpaintingError where steps are not two numbers."""
    from underpainting.intervention.picture import two_numbers

    first, last = two_numbers(steps, "--steps", "-", "1-5") if steps else (None, None)
    given: dict[str, Any] = {"kind": kind, "strength": strength, "first": first, "last": last}
    given |= {"layers": listed(layers), "branches": listed(branches)}
    return {name: value for name, value in given.items() if value is not None}


def listed(text: str | None) -> list[str] | None:
    """A comma-separated option as a list."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str | None, option: str) -> list[int] | None:
    """A comma-separated option as whole numbers. Raises UnderpaintingError where one is none."""
    parts = listed(text)
    try:
        return None if parts is None else [int(part) for part in parts]
    except ValueError:
        raise UnderpaintingError(f"{option} {text}: give whole numbers with commas between") from None


def given_seeds(text: str, note: Callable[[str], None]) -> list[int]:
    """Seeds in words; of a single number it is noted that it is one seed. Raises as `parse_seeds`."""
    from underpainting.seeds.wording import parse_seeds

    seeds = parse_seeds(text)
    if text.strip().isdecimal() and (seed := seeds[0]) > 1:
        note(f"one seed, {seed}; for {seed} of them give 0:{seed}")
    return seeds


def png_file(path: Path) -> Path:
    """A file that a picture is to be written to. Raises UnderpaintingError where its name is no PNG's."""
    if path.suffix.lower() != ".png":
        raise UnderpaintingError(f"--out {path} is no PNG file's name: give one, such as {path}.png")
    return path


def taking_settings(required: Sequence[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command whose last parameter is `**settings` the first settings of a config as options.

    The others are given by `--set section.key=value`. required: those that have no default here.
    """

    def taking(command: Callable[..., None]) -> Callable[..., None]:
        own = signature(command, eval_str=True)
        fixed = [one for one in own.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        first = {name: option for name, option in options().items() if option.is_first}
        ordered = sorted(first, key=lambda name: name not in required)
        added = [_parameter(name, first[name], name in required) for name in ordered]
        parameters = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in [*added, *fixed[1:], _SET]]
        command.__signature__ = own.replace(parameters=[fixed[0], *parameters])  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in [*parameters, fixed[0]]}
        return command

    return taking


def given_settings(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings that were given, section by section, of what a command that takes them was called with.

    Raises UnderpaintingError where a `--set` is none, or a setting is given twice.
    """
    known, sections = options(), dict[str, dict[str, Any]]()
    kinds = {(option.section, option.key): option for option in known.values()}
    for name, value in settings.items():
        if name != _SET.name and value is not None:
            option = known[name]
            sections.setdefault(option.section, {})[option.key] = _value(option, value)
    for text in settings[_SET.name] or ():
        place, equals, value = text.partition("=")
        section, _, key = place.strip().partition(".")
        if not (equals and key):
            raise UnderpaintingError(f"--set {text}: give section.key=value, such as run.batch_size=16")
        kind = kinds.get((section, key))
        given = sections.setdefault(section, {})
        if key in given:
            raise UnderpaintingError(f"--set {text}: {section}.{key} is given twice: give it once")
        given[key] = value.strip() if kind is None else _value(kind, value.strip())
    return sections


def _value(option: Option, value: Any) -> Any:
    return listed(value) if get_origin(option.field.annotation) is tuple else value


def _parameter(name: str, option: Option, required: bool) -> Parameter:
    kinds = {type(None), *(get_args(option.field.annotation) or [option.field.annotation])}
    kind: Any = next((of for of in (int, float) if of in kinds), str)
    several = get_origin(option.field.annotation) is tuple
    words = f"{option.field.description}{' With commas between.' if several else ''}"
    default = option.field.default
    shown = ",".join(default) if isinstance(default, tuple) else str(default)
    if required or default is None or option.field.default_factory is not None:
        shown = ""
    about = typer.Option(help=words, show_default=shown or False)
    return Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=Parameter.empty if required else None,
        annotation=Annotated[kind if required else kind | None, about],
    )


_SET = Parameter(
    "set",
    Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECTION.KEY=VALUE",
            help="Any other setting of study.toml, such as run.batch_size=16; may be given again.",
            show_default=False,
        ),
    ],
)

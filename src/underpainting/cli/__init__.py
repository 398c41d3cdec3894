"""The command line: one file a subcommand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer
from typer.exceptions import Abort, TyperException

import underpainting
from underpainting.cli import (
    capture,
    classify,
    compare,
    demo,
    doctor,
    estimate,
    experiment,
    import_probes,
    init,
    intervene,
    layers,
    look,
    nonlinear,
    pull,
    push,
    replay,
    report,
    run,
    transfer,
    verify,
)
from underpainting.errors import Stopped, UnderpaintingError
from underpainting.threads import wait_passively

STOPPED = 130  # the shell's exit code of what Ctrl-C stopped


def _examples(*lines: str) -> str:
    return "\n\n".join(["Examples:", *lines])


def _flowing(text: str) -> str:
    """A docstring's paragraphs without their line ends, for a terminal of any width."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


app = typer.Typer(
    name="underpainting",
    help="See what a latent diffusion model already knows about a picture while it is still noise.",
    epilog=_examples(
        "underpainting demo", "underpainting init STUDY --prompts prompts.csv", "underpainting run STUDY"
    ),
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

for command in (
    init,
    run,
    demo,
    layers,
    estimate,
    report,
    classify,
    compare,
    look,
    nonlinear,
    transfer,
    intervene,
    experiment,
    replay,
    capture,
    import_probes,
    push,
    pull,
    doctor,
    verify,
):
    name = command.__name__.rpartition(".")[2]
    work = getattr(command, name)
    words, examples = _flowing(work.__doc__), _examples(*command.EXAMPLES)
    app.command(name.replace("_", "-"), help=words, epilog=examples)(work)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"underpainting {underpainting.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    0, or one line on stderr and 2 for what a person can put right, 130 for a stop by Ctrl-C.
    """
    wait_passively()
    sys.path.append("")  # an estimator `module:Class` may lie in the current folder
    try:
        code = app(
            args=None if arguments is None else list(arguments),
            prog_name="underpainting",
            standalone_mode=False,
        )
    except UnderpaintingError as error:
        _leave(str(error), 2)
    except TyperException as error:
        _leave(str(getattr(error, "format_message", error.__str__)()), 2)
    except Stopped as stopped:
        _leave(f"stopped; {stopped}", STOPPED)
    except Abort:
        code = STOPPED
    if code == STOPPED:
        _leave("stopped", STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(message: str, code: int) -> NoReturn:
    typer.echo(f"underpainting: {' '.join(message.split())}", err=True)
    sys.exit(code)

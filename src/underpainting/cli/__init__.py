"""The command line: every module here is a command, but for those whose name begins with an underscore.

A command is a function of its module's name, with `EXAMPLES`, the `PANEL` of the help that it stands in, and
where in it (`PLACE`). Other packages add theirs by entry points of the group `underpainting.commands`: a
name, and the module that holds them.
"""

from __future__ import annotations

import atexit
import gc
import math
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand
from typer.exceptions import Abort, TyperException

import underpainting
from underpainting.errors import Stopped, UnderpaintingError, one_line, paths_in_one_line, refusal, wanted
from underpainting.threads import wait_passively

COLLECTED = 10_000
"""Objects after which garbage is looked for. Imports make half a million, which all stay: looking after every
700 of them takes a second."""
STOPPED = 130  # the shell's exit code of what Ctrl-C stopped
PANELS = ("Study", "Ask", "Act", "Share")
LAST = 99  # place of a command that says none
COMMAS = "commas between"  # in the help of an option that takes several values so


def command_line() -> typer.Typer:
    """The command line with all commands, panel by panel."""
    app = typer.Typer(
        name="underpainting",
        help="See what a latent diffusion model already knows about a picture while it is still noise.",
        epilog=_examples(
            "underpainting demo", "underpainting init STUDY --prompts prompts.csv", "underpainting run STUDY"
        ),
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback(invoke_without_command=True)(_start)
    for name, module in sorted(_modules(), key=_order):
        work = getattr(module, name)
        app.command(
            name.replace("_", "-"),
            cls=_Command,
            help=_flowing(work.__doc__ or ""),
            epilog=_examples(*module.EXAMPLES),
            rich_help_panel=module.PANEL,
        )(work)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    0, or one line on stderr and 2 for what a person can put right, 130 for a stop by Ctrl-C.
    """
    wait_passively()
    gc.set_threshold(COLLECTED)
    atexit.register(gc.freeze)  # at its end, too, the interpreter would walk all that was imported
    try:
        with paths_in_one_line():
            code = command_line()(
                args=None if arguments is None else list(arguments),
                prog_name="underpainting",
                standalone_mode=False,
            )
    except UnderpaintingError as error:
        _leave(_with_page(str(error)), 2)
    except OSError as error:
        if (why := refusal(error)) is None:
            raise
        _leave(_with_page(f"the disk: {why}"), 2)
    except TyperException as error:
        _leave(_refused(error), 2)
    except Stopped as stopped:
        _leave(f"stopped; {stopped}", STOPPED)
    except Abort:
        code = STOPPED
    if code == STOPPED:
        _leave("stopped", STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


class _Command(TyperCommand):
    """A command whose options are given once, whose paths are named and whose numbers are finite."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments as they are typed.

        Raises UnderpaintingError where a path is empty, or an option that takes one value is given twice.
        """
        typed, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for one in self.params:
            if order.count(one) > 1 and not getattr(one, "multiple", True):
                raise UnderpaintingError(_twice(one))
        for option, name, kind in self._kinds():
            values = typed.get(name)
            if kind in (Path, list[Path]) and "" in (
                values if isinstance(values, tuple | list) else [values]
            ):
                raise UnderpaintingError(f"{option} is empty: give a path")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run it. Raises UnderpaintingError where a number is not finite."""
        for option, name, kind in self._kinds():
            if kind is float and not math.isfinite(ctx.params.get(name) or 0):
                raise UnderpaintingError(f"{option} is {ctx.params[name]}: give a finite number")
        return super().invoke(ctx)

    def _kinds(self) -> list[tuple[str, str, Any]]:
        """Every option and argument: as it is typed, its name, and its type."""
        own: list[Any] = self.params
        return [(_typed(one), one.name, one.type_descriptor.annotation) for one in own]


def _twice(one: Any) -> str:
    """The line for an option that is given more than once, and takes one value."""
    name = _typed(one)
    if COMMAS in (one.help or ""):
        return f"{name} is given twice: give several with commas between, {name} A,B"
    return f"{name} is given twice: give it once"


def _typed(one: Any) -> str:
    """An option as it is typed, or an argument as help names it."""
    if one.param_type_name == "argument":
        return str(one.metavar or one.name.upper())
    names: list[str] = one.opts
    return max(names, key=len)


def _modules() -> Iterator[tuple[str, Any]]:
    """Commands by name, and the modules that hold them."""
    for module in iter_modules(__path__):
        if not module.name.startswith("_"):
            yield module.name, import_module(f"{__name__}.{module.name}")
    for point in entry_points(group="underpainting.commands"):
        yield point.name, point.load()


def _order(command: tuple[str, Any]) -> tuple[int, str, int, str]:
    name, module = command
    panel = module.PANEL
    known = PANELS.index(panel) if panel in PANELS else len(PANELS)
    return known, panel, getattr(module, "PLACE", LAST), name


def _examples(*lines: str) -> str:
    return "\n\n".join(["Examples:", *lines])


def _flowing(text: str) -> str:
    """A docstring's paragraphs without their line ends, for a terminal of any width."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"underpainting {underpainting.__version__}")
        raise typer.Exit


def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _refused(error: Any) -> str:
    """The line for an option or argument that cannot be what it is, or for what else is typed wrongly."""
    from pydantic import ValidationError

    if isinstance(error.__cause__, ValidationError) and error.param is not None:
        fault = error.__cause__.errors()[0]
        return f"{_typed(error.param)} is {fault['input']}: {wanted(fault)}"
    return str(getattr(error, "format_message", error.__str__)())


def _with_page(line: str) -> str:
    """A refusal's line with the command that explains it, where a page does."""
    from underpainting.explained import page_of

    page = page_of(line)
    return f"{line} (underpainting explain {page})" if page else line


def _leave(message: str, code: int) -> NoReturn:
    typer.echo(f"underpainting: {one_line(message)}", err=True)
    sys.exit(code)

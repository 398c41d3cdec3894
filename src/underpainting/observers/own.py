"""A user's own observer: named as `module:Class`, or by the name that an installed package registers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from inspect import getmembers, isclass
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError, reason
from underpainting.readers import refusing
from underpainting.weights import Weights


@dataclass(frozen=True)
class Code(Weights):
    """In the place of weights where there are none: the module of the code."""

    module: str

    @property
    def path(self) -> Path:
        """The module's file, from a folder of the Python path."""
        return Path(*self.module.split(".")).with_suffix(".py")

    @property
    def where(self) -> str:
        """The module, whether it is there or not."""
        return f"module {self.module}"

    def find(self) -> Path | None:
        """The module's file, where it can be imported, which it is not."""
        try:
            spec = find_spec(self.module)
        except Exception:  # whatever the packages above it raise
            return None
        return None if spec is None else Path(spec.origin or self.path)


def make_own(kind: str, reference: str) -> Any:
    """An object of the class named by `module:Class`, made without arguments.

    Raises UnderpaintingError where the module is not found, cannot be imported or has no such class, or that
    cannot be made; kind says what it was to be.
    """
    own = import_own(kind, reference)
    if not isclass(own):
        raise _refused(kind, reference, f"it is a {type(own).__name__}, not a class; name a class")
    with refusing(f"{kind} {reference!r} cannot be made", "give a class that takes no arguments"):
        return own()


def weights_of_own(kind: str, name: str, reference: str) -> Weights:
    """What the class named by `module:Class` says that it takes, as `weights`; unsaid, its module."""
    try:
        weights = getattr(import_own(kind, reference), "weights", None)
    except UnderpaintingError:
        weights = None
    return weights if isinstance(weights, Weights) else Code(name, reference.partition(":")[0])


def import_own(kind: str, reference: str) -> Any:
    """What `module:name` names, from the Python path or the current folder.

    Raises UnderpaintingError where the module is not found, cannot be imported or has no such name; kind says
    what it was to be.
    """
    name, _, attribute = reference.partition(":")
    if not all(part.isidentifier() for part in (*name.split("."), attribute)):
        raise _refused(kind, reference, "it is no 'module:Class', such as mine:Edges")
    try:
        _reach_current_folder(name)
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _refused(kind, reference, f"module {name} needs {error.name}, which is not here") from None
        raise _refused(
            kind,
            reference,
            f"no module {error.name} in the current folder ({Path.cwd()}) or on the Python path; go to the "
            "folder that holds it, add that to PYTHONPATH, or install its package",
        ) from None
    except (Exception, SystemExit) as error:
        raise _refused(kind, reference, f"importing module {name} fails: {reason(error)}") from None
    if not hasattr(module, attribute):
        own = [key for key, made in getmembers(module, isclass) if made.__module__ == module.__name__]
        raise _refused(
            kind,
            reference,
            f"module {name} ({getattr(module, '__file__', None) or 'built in'}) has no {attribute!r}; its "
            f"classes are {', '.join(own) or 'none'}",
        )
    return getattr(module, attribute)


def code_file(reference: str) -> str | None:
    """Where the code named by `module:Class` lies: the file or folder of its module, or of the package that
    holds it. None where it is neither on the Python path nor in the current folder. Nothing is imported.
    """
    package = reference.partition(":")[0].partition(".")[0]
    try:
        spec = find_spec(package) or PathFinder.find_spec(package, [str(Path.cwd())])
    except ValueError:
        return f"{package or reference}, a part of this program"
    if spec is None:
        return None
    return spec.origin or str(next(iter(spec.submodule_search_locations or [package])))


def _reach_current_folder(module: str) -> None:
    """Put the current folder last on the Python path where a module lies there, and nowhere else.

    It is not on the path otherwise: a library that looks for an optional package must not find a stranger's.
    """
    package, here = module.partition(".")[0], str(Path.cwd())
    if find_spec(package) is None and PathFinder.find_spec(package, [here]) is not None:
        sys.path.append(here)


def _refused(kind: str, reference: str, why: str) -> UnderpaintingError:
    return UnderpaintingError(f"{kind} {reference!r} cannot be imported: {why}")


def installed(kind: str) -> Sequence[EntryPoint]:
    """The classes that installed packages register, in the group `underpainting.estimators` or
    `underpainting.classifiers`.
    """
    return tuple(entry_points(group=f"underpainting.{kind}s"))

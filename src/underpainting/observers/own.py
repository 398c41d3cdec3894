"""A user's own observer: named as `module:Class`, or by the name that an installed package registers."""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import getmembers, isclass
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError, reason


def import_own(kind: str, reference: str) -> Any:
    """An object of the class named by `module:Class`, made without arguments.

    Raises UnderpaintingError where the module is not found, cannot be imported or has no such class; kind
    says what it was to be.
    """
    name, _, attribute = reference.partition(":")
    try:
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
    except Exception as error:
        raise _refused(kind, reference, f"importing module {name} fails: {reason(error)}") from None
    if not hasattr(module, attribute):
        own = [of for of, made in getmembers(module, isclass) if made.__module__ == module.__name__]
        raise _refused(
            kind,
            reference,
            f"module {name} ({getattr(module, '__file__', None) or 'built in'}) has no {attribute!r}; its "
            f"classes are {', '.join(own) or 'none'}",
        )
    return getattr(module, attribute)()


def _refused(kind: str, reference: str, why: str) -> UnderpaintingError:
    return UnderpaintingError(f"{kind} {reference!r} cannot be imported: {why}")


def registered(kind: str, name: str) -> EntryPoint | None:
    """The class that an installed package registers by a name; None where none does.

    kind: `estimator` or `classifier`, of the group `underpainting.estimators` or `underpainting.classifiers`.
    """
    return next(iter(entry_points(group=f"underpainting.{kind}s", name=name)), None)

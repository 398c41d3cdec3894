"""A user's own observer: named as `module:Class`, or by the name that an installed package registers."""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from underpainting.errors import UnderpaintingError


def import_own(kind: str, reference: str) -> Any:
    """An object of the class named by `module:Class`, made without arguments.

    Raises UnderpaintingError where it cannot be imported; kind says what it was to be.
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise UnderpaintingError(f"{kind} {reference!r} cannot be imported: {error}") from None


def registered(kind: str, name: str) -> EntryPoint | None:
    """The class that an installed package registers by a name; None where none does.

    kind: `estimator` or `classifier`, of the group `underpainting.estimators` or `underpainting.classifiers`.
    """
    return next(iter(entry_points(group=f"underpainting.{kind}s", name=name)), None)

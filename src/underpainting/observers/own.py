"""A user's own observer, named as `module:Class`."""

from importlib import import_module
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

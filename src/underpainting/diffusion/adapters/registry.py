"""The families that are known, by name: an adapter's file registers it."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.stated import stated_adapter
from underpainting.errors import UnderpaintingError

ADAPTERS: dict[str, Adapter] = {}
GROUP = "underpainting.adapters"


def register_adapter(name: str, adapter: Adapter) -> None:
    """Make a family known: pipelines that its adapter accepts are watched by it.

    Raises UnderpaintingError where the name is another adapter's.
    """
    if name in ADAPTERS:
        raise UnderpaintingError(f"there is an adapter named {name}: give yours another name")
    ADAPTERS[name] = adapter


def adapter_for(pipe: Any, arguments: Mapping[str, Any]) -> Adapter:
    """The adapter of a pipeline's family, or one that knows nothing of its layers.

    arguments: what its call is given beside what every run gives.

    One's own are asked first: of two that accept a pipeline, it is the one that was registered last. Modules
    that installed packages name in the entry point group `underpainting.adapters` are imported before, to
    register theirs. Raises UnderpaintingError where one cannot be imported, where no adapter accepts the
    pipeline and it does not make pictures of prompts by way of latents, and where it needs more than prompts.
    """
    _import_installed()
    name = type(pipe).__name__
    own = next((adapter for adapter in reversed(ADAPTERS.values()) if adapter.accepts(pipe)), None)
    try:
        adapter = own or stated_adapter(pipe, arguments)
    except ValueError as reason:
        raise UnderpaintingError(
            f"no adapter for {name}: {reason}; known are {', '.join(ADAPTERS)}, and pipelines like them"
        ) from None
    if more := adapter.more_than_prompts(pipe, arguments):
        raise UnderpaintingError(f"{name} cannot be watched, for it needs more than prompts: {more}")
    return adapter


def _import_installed() -> None:
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except (ImportError, AttributeError) as error:
            raise UnderpaintingError(
                f"adapter {entry.name} ({entry.value}) cannot be imported: {error}; mend or "
                "uninstall its package"
            ) from None

"""Which estimators and classifiers there are: what each is called, what loads it, what weights that takes.

A file of `estimators` or `classifiers` registers its own, and so may a user, by `register` or an entry point
of the group `underpainting.estimators` or `underpainting.classifiers`. Loading, `doctor` and the docs' tables
go by what is registered; nothing else lists names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch

from underpainting.errors import UnderpaintingError
from underpainting.observers.own import Code, installed, make_own, weights_of_own
from underpainting.observers.protocols import Kind, checked_observer
from underpainting.observers.saved import read_config
from underpainting.readers import checked_path
from underpainting.weights import SavedModel, Weights, Work

Device = str | torch.device | None


@dataclass(frozen=True)
class ObserverEntry:
    """An estimator or a classifier as it is registered.

    key: its name; of a family, what its names look like, such as `timm:NAME`. gives: in words. load: makes it
    from its weights, on a device; where it takes none, they are its module. weights: what it takes, or None.
    family: of a family, the weights of a name, or None where the name is not one of its.
    recognises: whether a folder or file holds one that was saved; it is loaded from there, then.
    """

    key: str
    kind: Kind
    gives: str
    load: Callable[[Any, Device], Any]
    weights: Weights | None = None
    family: Callable[[str], Weights | None] | None = None
    recognises: Callable[[Path], bool] | None = None


_REGISTRY: dict[Kind, dict[str, ObserverEntry]] = {"estimator": {}, "classifier": {}}


def register(entry: ObserverEntry) -> ObserverEntry:
    """Make an estimator or a classifier known. Raises UnderpaintingError where its key is taken."""
    if entry.key in _REGISTRY[entry.kind]:
        raise UnderpaintingError(f"{entry.kind} {entry.key!r} is registered already; give another key")
    _REGISTRY[entry.kind][entry.key] = entry
    return entry


def entries(kind: Kind) -> list[ObserverEntry]:
    """What is registered of a kind: the package's own weights first, families last."""
    return sorted(
        _REGISTRY[kind].values(),
        key=lambda entry: (entry.family is not None, not isinstance(entry.weights, SavedModel)),
    )


def names(kind: Kind) -> list[str]:
    """Names that are known of a kind, those that installed packages register last; of families none."""
    return [*(entry.key for entry in entries(kind) if entry.family is None), *_installed(kind)]


def resolve(kind: Kind, name: str | Path) -> tuple[ObserverEntry, Weights]:
    """The entry that a name means, and the weights it takes: loading and `doctor` both go by it.

    A name that is registered comes before a folder of that name. What is not known has a loader that says so.
    A class of one's own is imported, for the weights that it names.
    """
    text, packaged = str(name), _installed(kind)
    if (known := _known(kind, name)) is not None:
        return known
    reference = packaged.get(text, text)
    if ":" in reference:
        entry = ObserverEntry(text, kind, "", lambda weights, device: make_own(kind, reference))
        return entry, weights_of_own(kind, text, reference)
    return ObserverEntry(text, kind, "", _refuse_name(kind)), SavedModel(text, checked_path(name))


def own_class(kind: Kind, name: str | Path) -> str | None:
    """The name, where it means a class `module:Class` of code that no installed package registers.

    None where it means anything else. Nothing is imported.
    """
    text = str(name)
    is_own = ":" in text and text not in _installed(kind) and _known(kind, name) is None
    return text if is_own else None


def works_of(kind: Kind, name: str) -> tuple[Work, ...]:
    """The papers to cite for what is registered under a name; of others none is known. Nothing is loaded."""
    entry = _REGISTRY[kind].get(name)
    return entry.weights.works if entry is not None and entry.weights is not None else ()


def _known(kind: Kind, name: str | Path) -> tuple[ObserverEntry, Weights] | None:
    """What is registered under a name, lies in the folder of that name, or is of a family."""
    text, path = str(name), checked_path(name)
    registered = _REGISTRY[kind]
    entry = registered.get(text)
    if entry is not None and entry.family is None and isinstance(name, str):
        return entry, entry.weights or Code(text, entry.load.__module__)
    if path.exists():
        for entry in reversed(registered.values()):  # one's own are asked before the package's
            if entry.recognises is not None and entry.recognises(path):
                return entry, SavedModel(path.name, path)
        if path.is_dir():
            return ObserverEntry(text, kind, "", _refuse_folder(kind)), SavedModel(text, path)
    for entry in registered.values():
        if entry.family is not None and (weights := entry.family(text)):
            return entry, weights
    return None


def load(kind: Kind, name: str | Path, device: Device = None) -> Any:
    """The estimator or classifier of a name.

    Raises UnderpaintingError where it or its weights are missing, or it is none.
    """
    entry, weights = resolve(kind, name)
    return checked_observer(kind, entry.load(weights, device))


def _installed(kind: Kind) -> dict[str, str]:
    """`module:Class` by the name that an installed package registers."""
    found: dict[str, str] = {}
    for point in installed(kind):
        if point.name in _REGISTRY[kind] or point.name in found:
            package = point.dist.name if point.dist else point.value
            raise UnderpaintingError(
                f"{kind} {point.name!r} of package {package} is registered already; rename it there, or "
                "uninstall the package"
            )
        found[point.name] = point.value
    return found


def _refuse_name(kind: Kind) -> Callable[[Weights, Device], NoReturn]:
    def refuse(weights: Weights, device: Device) -> NoReturn:
        families = [entry.key for entry in entries(kind) if entry.family is not None]
        known = ", ".join(map(repr, [*names(kind), *families]))
        raise UnderpaintingError(
            f"no {kind} {weights.name!r}: give {known}, a folder that one was saved in, or 'module:Class'"
        )

    return refuse


def _refuse_folder(kind: Kind) -> Callable[[Weights, Device], NoReturn]:
    def refuse(weights: Weights, device: Device) -> NoReturn:
        read_config(weights.path)
        raise UnderpaintingError(
            f"config.json in {weights.path} is of no {kind} that is known; name a folder that holds one"
        )

    return refuse

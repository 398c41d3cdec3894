"""Whose scores stand in a study's tables: every source's words and line, and every control's behaviour.

A control is anything whose score stands beside the probe's. One file here holds one control; a package may
register its own, by `register` or an entry point of the group `underpainting.controls`. Config, `estimate`,
tables, findings, figures, report and docs iterate over what is registered and list no source themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor
from torch.nn import Module

from underpainting.diffusion import Layer, Model, StepRecord
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import ProbeLayer, Property

Activations = dict[str, dict[str, Tensor]]
"""By layer and branch, [picture, token, channel]."""

Maps = dict[str, Tensor]
"""By property, [step, row, column] on any grid."""

Run = Callable[[Model, Callable[[StepRecord], None]], None]
"""Denoises the pictures of a batch, by the study's settings, with any model; the function sees every step."""

Panel = Literal["probes", "networks", "pictures", "none"]
PANELS: tuple[Panel, ...] = ("probes", "networks", "pictures", "none")
Explanation = Literal["layout", "prompt", "latents", "luminance"]
"""What explains a score that the probe is not above."""

EXPLANATIONS: dict[Explanation, str] = {
    "layout": "the layout that pictures share",
    "prompt": "what the prompt says",
    "latents": "what the latents say",
    "luminance": "light and dark",
}
"""Each in words."""

SOLID, DOTTED, SHORT, DASHED, LONG = (), (1.0, 1.6), (3.0, 2.0), (5.0, 2.0), (9.0, 3.0)
DASH_DOT, LONG_DOT = (6.0, 2.0, 1.0, 2.0), (7.0, 2.0, 1.0, 2.0)


@dataclass(frozen=True)
class Line:
    """How a source is drawn: hue `tone` (the property's own), `ink` or `muted`; dashes and gaps; width.

    Dashes and gaps are in widths (none: solid), the width in points.
    """

    hue: Literal["tone", "ink", "muted"] = "muted"
    dashes: tuple[float, ...] = SOLID
    width: float = 1.1


@dataclass(frozen=True)
class Source:
    """Whose score a row is: the column `source` of the tables.

    key: as in the tables. title: over a column or beside a line. phrase: in a sentence. line: how it is
    drawn, in which panel of the figures. has_layer, has_step: whether its scores belong to a layer, to a
    step. is_rival: whether it is asked from which step it reads a property, and the probe's lead over it.
    explains: as what it explains a score that the probe is not above; None of a source that explains none.
    """

    key: str
    title: str
    phrase: str
    line: Line = Line()
    panel: Panel = "probes"
    has_layer: bool = True
    has_step: bool = True
    is_rival: bool = True
    explains: Explanation | None = None


class StandIn(Protocol):
    """What probes of their own read in the place of the watched layers.

    layers: for each watched layer what stands in for it; several may be the same. networks: of the
    denoiser's shape, by name, that are shown all that it is shown and watched at the same layers.
    """

    @property
    def source(self) -> str:
        """Key of the source whose scores these are."""

    @property
    def layers(self) -> tuple[ProbeLayer, ...]:
        """See above."""

    @property
    def networks(self) -> Mapping[str, Module]:
        """See above."""

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """Begin a batch: gives what tells the stand-ins' activations at each of its steps."""


@dataclass(frozen=True)
class BranchlessStandIn:
    """A `StandIn` that a step's record alone tells, the same in every branch.

    read: activations [picture, token, channel] by layer's name, of a step.
    """

    source: str
    layers: tuple[ProbeLayer, ...]
    branches: tuple[str, ...]
    read: Callable[[StepRecord], Mapping[str, Tensor]]
    networks: Mapping[str, Module] = field(default_factory=dict)

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """See `StandIn`."""
        return lambda record: {
            name: dict.fromkeys(self.branches, tokens) for name, tokens in self.read(record).items()
        }


@dataclass(frozen=True)
class Setting:
    """What a stand-in may build on: the study's model, watched layers and branches."""

    model: Model
    watched: tuple[Layer, ...]
    branches: tuple[str, ...]


@dataclass(frozen=True)
class FinishedPicture:
    """A finished test picture, for controls that look by themselves.

    picture: uint8 [height, width, 3]. frames: by look (`noisy`, `scaled`, `clean`), uint8 [step, height,
    width, 3], of filmed pictures only. latents: [kind, step, channel, h, w] at unit scale, where a
    control records them. prompt: its prompt's embedding [number], where a control reads it. label: the
    study's estimator on pictures [picture, 3, height, width] in 0..1, which raises UnsoundPictures where
    it fails; None where labels were brought. words: attention to its object's word [step, h, w], where a
    control reads it.
    """

    picture: Tensor
    frames: Mapping[str, Tensor]
    latents: Tensor | None
    label: Callable[[Tensor], dict[str, Tensor]] | None
    properties: tuple[Property, ...]
    prompt: Tensor | None = None
    words: Tensor | None = None


@dataclass(frozen=True)
class FitPictures:
    """What a control may learn from: the fit pictures, in one order.

    labels [picture, height, width] by property. latents [picture, kind, step, channel, h, w] at unit scale,
    where a control records them. prompts: embeddings [picture, number], where a control reads them. words:
    attention to their objects' words [picture, step, h, w], where a control reads it.
    """

    properties: tuple[Property, ...]
    labels: Mapping[str, Tensor]
    latents: Tensor | None
    prompts: Tensor | None
    words: Tensor | None = None


class Control:
    """A control: what it adds to a study. A subclass overrides what it takes part in.

    key: its name in `[controls] use`. sources: whose scores it adds to the tables. cost: what it costs, in a
    sentence. default: whether studies use it unless they say otherwise. tries: what it tries beyond a
    linear map of the latents, in a few words; only where a control of each kind was tried is a score
    shown to be held inside the network. records_latents: whether it needs the latents of every step.
    networks: how many networks it runs beside the model's, at every evaluation of that. reads_prompts:
    whether it needs the prompts' embeddings. reads_words: whether it needs the attention to their objects'
    words. threshold: where the map of a binary property says object.
    """

    key: str
    sources: tuple[Source, ...]
    cost: str
    default: bool = False
    tries: str = ""
    records_latents: bool = False
    networks: int = 0
    reads_prompts: bool = False
    reads_words: bool = False
    threshold: float = 0.0

    def stand_ins(self, setting: Setting) -> Sequence[StandIn]:
        """What stands in for the watched layers, to be probed as they are."""
        return ()

    def train(self, pictures: FitPictures, folder: Path) -> None:
        """Learn from the fit pictures and keep what was learnt in a folder."""

    def opened(self, folder: Path) -> Control:
        """The control with what it has learnt, from that folder."""
        return self

    def maps(self, picture: FinishedPicture) -> dict[str, Maps]:
        """By source, its maps of a test picture: one a step, or one in all where the source has no step."""
        return {}


@dataclass
class _Registry:
    sources: dict[str, Source] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)


_REGISTRY = _Registry()


def add_sources(*added: Source) -> None:
    """Register sources: all or, where a key is taken, none. Raises UnderpaintingError then."""
    keys = [*_REGISTRY.sources, *(source.key for source in added)]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise UnderpaintingError(f"source {twice[0]!r} is registered already; give another key")
    _REGISTRY.sources.update({source.key: source for source in added})


def register(control: Control) -> Control:
    """Register a control and its sources. Raises UnderpaintingError where its key or a source's is taken."""
    if control.key in _REGISTRY.controls:
        raise UnderpaintingError(f"control {control.key!r} is registered already; give another key")
    add_sources(*control.sources)
    _REGISTRY.controls[control.key] = control
    return control


def controls() -> dict[str, Control]:
    """All registered controls by key, those of other packages last."""
    _load_entry_points()
    return dict(_REGISTRY.controls)


def sources() -> dict[str, Source]:
    """All registered sources by key, in the order of tables and legends: panel by panel."""
    _load_entry_points()
    ordered = sorted(_REGISTRY.sources.values(), key=lambda source: PANELS.index(source.panel))
    return {source.key: source for source in ordered}


def ways_to_try() -> dict[str, list[str]]:
    """What is tried beyond a linear map of the latents, in words, and the keys of the controls that try it.

    Only where one of each was tried is a score shown to be held inside the network.
    """
    ways: dict[str, list[str]] = {}
    for key, control in controls().items():
        if control.tries:
            ways.setdefault(control.tries, []).append(key)
    return ways


def rivals() -> dict[str, Source]:
    """Sources that are asked from which step they read a property; the probe is the first."""
    return {key: source for key, source in sources().items() if source.is_rival}


def defaults() -> tuple[str, ...]:
    """Keys of the controls that studies use unless they say otherwise."""
    return tuple(key for key, control in controls().items() if control.default)


@cache
def _load_entry_points() -> None:
    for point in entry_points(group="underpainting.controls"):
        register(point.load()())

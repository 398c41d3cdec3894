"""A study's probes as one set: what it holds, on disk and on the hub."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file

from underpainting.errors import UnderpaintingError
from underpainting.hub import fetch, upload
from underpainting.markup import table
from underpainting.probes.card import Card, checksum
from underpainting.probes.probe import Probe, joined
from underpainting.probes.readme import probe_card
from underpainting.readers import checked_path, read_json, read_tensors, reading
from underpainting.vocabulary import METRICS, Grid, Place, ProbeLayer

_TENSORS, _CARD = "probes.safetensors", "card.json"


class Key(NamedTuple):
    """Which probe of a set: what it reads and where; layer, step and branch as in a `Place`."""

    property: str
    layer: str
    step: int
    branch: str


@dataclass(frozen=True)
class Entry:
    """A property's probe in a set, with its ridge strength.

    probe: weight [channel] and bias, float32. threshold is that of a binary property: object where the
    reading is above it.
    """

    probe: Probe
    strength: float
    threshold: float | None = None


@dataclass(frozen=True)
class Best:
    """The layer chosen on calibrate pictures at the last step, by which metric, and the best of each step."""

    layer: str
    metric: str
    by_step: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProbeSet:
    """All probes of a study, and the card that says what they are.

    On disk: `probes.safetensors` (tensors `{property}/{layer}/{step}/{branch}`, [channel + 1], bias last)
    and `card.json`, which has a checksum of both.
    """

    entries: Mapping[Key, Entry]
    layers: tuple[ProbeLayer, ...]
    steps: int
    branches: tuple[str, ...]
    best: Mapping[str, Best]
    model: str
    images: Mapping[str, int]

    @property
    def properties(self) -> tuple[str, ...]:
        """Properties in the order of the entries."""
        return tuple(dict.fromkeys(key.property for key in self.entries))

    def probe(self, property: str, layer: str, step: int, branch: str = "conditional") -> Probe:
        """The probe of one property at one place: readings [..., token] of activations [..., token, channel].

        Raises UnderpaintingError where the set has none there.
        """
        return self.entry(property, Place(layer, step, branch)).probe

    def at(self, place: Place, properties: Sequence[str]) -> Probe:
        """Some properties' probes at one place as one, for reading in one product: outputs [property].

        Raises UnderpaintingError where the set has none there.
        """
        return joined([self.entry(name, place).probe for name in properties])

    def entry(self, property: str, place: Place) -> Entry:
        """A property's probe at one place, with strength and threshold.

        Raises UnderpaintingError where the set has none there.
        """
        try:
            return self.entries[Key(property, *place)]
        except KeyError:
            raise UnderpaintingError(
                f"no probe of {property!r} at layer {place.layer}, step {place.step}, branch {place.branch}; "
                f"the set has {', '.join(self.properties)} at layers "
                f"{', '.join(known.name for known in self.layers)}, steps 1 to {self.steps}, "
                f"branches {', '.join(self.branches)}"
            ) from None

    def grid(self, layer: str) -> Grid:
        """The grid of a layer of the set. Raises UnderpaintingError for a layer that it has not."""
        grids = {known.name: known.grid for known in self.layers}
        if layer not in grids:
            raise UnderpaintingError(f"no layer {layer!r} in the probes; choose from {', '.join(grids)}")
        return grids[layer]

    def best_layer(self, property: str, step: int | None = None) -> str:
        """Name of the property's calibrated best layer, at the last step or another.

        Raises UnderpaintingError for an unknown property.
        """
        if property not in self.best:
            raise UnderpaintingError(
                f"no property {property!r} in the probes; choose from {', '.join(self.best)}"
            )
        best = self.best[property]
        return best.layer if step is None else best.by_step.get(step, best.layer)

    def of_layers(self, names: Collection[str]) -> ProbeSet:
        """The probes of some layers alone."""
        return replace(
            self,
            entries={key: entry for key, entry in self.entries.items() if key.layer in names},
            layers=tuple(layer for layer in self.layers if layer.name in names),
        )

    def __or__(self, other: ProbeSet) -> ProbeSet:
        """These probes and another set's, of other layers."""
        return replace(self, entries={**self.entries, **other.entries}, layers=self.layers + other.layers)

    def _repr_html_(self) -> str:
        caption = f"{len(self.entries)} probes of {self.model}: {len(self.layers)} layers, {self.steps} steps"
        rows = [
            [name, best.layer, METRICS[best.metric], ", ".join(dict.fromkeys(best.by_step.values()))]
            for name, best in self.best.items()
        ]
        return table(["property", "best layer", "by", "best at any step"], rows, caption)

    def save_direction(
        self,
        path: str | Path,
        property: str,
        step: int,
        *,
        layer: str | None = None,
        branch: str = "conditional",
    ) -> None:
        """Write one probe as a NumPy archive (`.npz`), to be read without torch or underpainting.

        layer: the property's best where left out. Arrays: `weight` [channel] float32, the direction in
        activation space; `bias`, so that a reading is `x @ weight + bias`; `threshold` (nan for a continuous
        property); `property`, `layer`, `step`, `branch`, `model`, and `grid` (rows, columns). Raises
        UnderpaintingError where the set has no such probe.
        """
        layer = self.best_layer(property) if layer is None else layer
        entry = self.entry(property, Place(layer, step, branch))
        np.savez(
            path,
            weight=entry.probe.weight.cpu().numpy(),
            bias=np.float32(entry.probe.bias),
            threshold=np.float32(np.nan if entry.threshold is None else entry.threshold),
            grid=self.grid(layer),
            model=self.model,
            **Key(property, layer, step, branch)._asdict(),
        )

    def save_pretrained(
        self, folder: str | Path, *, name: str | None = None, about: str = "", results: Sequence[Any] = ()
    ) -> None:
        """As `save`, with a card beside, `README.md`, as the hub shows it.

        name: what the card loads the set by (the folder where left out); about: further sections of it;
        results: scores that the hub lists, `huggingface_hub.EvalResult`.
        """
        self.save(folder)
        best: list[list[object]] = []
        for property, chosen in self.best.items():
            at = [key for key in self.entries if (key.property, key.layer) == (property, chosen.layer)]
            for key in sorted(at)[-1:]:
                entry = self.entries[key]
                best.append([property, key.layer, chosen.metric, key.step, entry.threshold, entry.strength])
        card = probe_card(name or str(folder), self.model, self.entries, self.layers, best, about, results)
        (Path(folder) / "README.md").write_text(card, encoding="utf-8")

    def push_to_hub(
        self,
        repo_id: str,
        *,
        about: str = "",
        results: Sequence[Any] = (),
        private: bool | None = None,
        token: str | bool | None = None,
        commit_message: str = "Upload probes",
    ) -> str:
        """Upload what `save_pretrained` writes to a model repository of the Hugging Face hub; its address.

        The repository is made if it is not there. Raises UnderpaintingError where the hub refuses.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, name=repo_id, about=about, results=results)
            return upload(
                Path(folder), repo_id, "model", private=private, token=token, message=commit_message
            )

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, **options: Any) -> ProbeSet:
        """Read a set from a folder, or from a repository of the Hugging Face hub, kept in its cache.

        options: those of `huggingface_hub.snapshot_download`, such as revision, token, cache_dir,
        local_files_only. Raises UnderpaintingError where there is none.
        """
        if checked_path(name_or_folder).is_dir():
            return cls.load(name_or_folder)
        return cls.load(fetch(str(name_or_folder), "model", only=(_TENSORS, _CARD), **options))

    def save(self, folder: str | Path) -> None:
        """Write `probes.safetensors` and `card.json` into a folder (made if missing)."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            _name(key): torch.cat([entry.probe.weight, entry.probe.bias[None]]).cpu().float()
            for key, entry in self.entries.items()
        }
        save_file(tensors, folder / _TENSORS)
        card: dict[str, Any] = {
            "model": self.model,
            "images": dict(self.images),
            "steps": self.steps,
            "branches": list(self.branches),
            "properties": {
                name: {
                    "best_layer": best.layer,
                    "metric": best.metric,
                    "best_layer_by_step": {str(step): layer for step, layer in best.by_step.items()},
                }
                for name, best in self.best.items()
            },
            "layers": [{"name": x.name, "grid": list(x.grid), "channels": x.channels} for x in self.layers],
            "probes": {
                _name(key): {"strength": entry.strength, "threshold": entry.threshold}
                for key, entry in self.entries.items()
            },
        }
        card["checksum"] = checksum(card, folder / _TENSORS)
        (folder / _CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> ProbeSet:
        """Read a saved set.

        Raises UnderpaintingError where files are missing or broken, or tensors and card disagree.
        """
        folder, remedy = checked_path(folder), "run the study"
        tensors = read_tensors(folder / _TENSORS, "file of probes", remedy)
        about = folder / _CARD, "card of probes", remedy
        with reading(*about):
            written = read_json(*about)
            if written.pop("checksum") != checksum(written, folder / _TENSORS):
                raise ValueError(f"contents of {_TENSORS} or {_CARD} changed")
            card = Card.model_validate(written)
            channels = {layer.name: layer.channels for layer in card.layers}
            for name in card.probes:
                weight, wanted = tensors[name], channels[_key(name).layer] + 1
                if weight.shape != (wanted,) or not weight.isfinite().all():
                    raise ValueError(f"{name} has not {wanted - 1} finite weights")
            if unlisted := tensors.keys() - card.probes.keys():
                raise ValueError(f"{min(unlisted)} is not in the card")
        return cls(
            entries={
                _key(name): Entry(Probe(tensors[name][:-1], tensors[name][-1]), of.strength, of.threshold)
                for name, of in card.probes.items()
            },
            layers=tuple(ProbeLayer(of.name, of.grid, of.channels) for of in card.layers),
            steps=card.steps,
            branches=card.branches,
            best={
                name: Best(of.best_layer, of.metric, of.best_layer_by_step)
                for name, of in card.properties.items()
            },
            model=card.model,
            images=card.images,
        )


def _name(key: Key) -> str:
    return f"{key.property}/{key.layer}/{key.step}/{key.branch}"


def _key(name: str) -> Key:
    property, layer, step, branch = name.split("/")
    return Key(property, layer, int(step), branch)

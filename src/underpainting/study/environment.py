"""What a study's pictures are made with, and since when: day, versions, device, threads, weights."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch
from torch.nn import Module

from underpainting.diffusion import Layer, Model, load, use_scheduler
from underpainting.diffusion.twins import twin_of
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers import Classifier, load_classifier
from underpainting.observers.estimators import Estimator, load_estimator
from underpainting.records import sealing
from underpainting.study.config import StudyConfig
from underpainting.study.folder import Study, read_environment, write_json
from underpainting.study.labels import choose_properties
from underpainting.study.places import Places
from underpainting.threads import set_threads

DECODER = "vae.decoder.mid_block.attentions.0"
OWN = "-own"
DIGITS = ("device", "machine", "threads")  # on which last digits depend, as on versions
PACKAGES = ("underpainting", "torch", "diffusers", "transformers", "safetensors", "numpy")


@dataclass(frozen=True)
class Workshop:
    """What is loaded for a study: model, estimator, and the places that are probed.

    twins: untrained networks that are shown what the model's is shown. strays: models with such a network,
    that denoise by themselves.
    """

    model: Model
    estimator: Estimator
    classifier: Classifier | None
    places: Places
    twins: dict[str, Module]
    strays: dict[str, Model]


def open_workshop(
    config: StudyConfig, model: Model | None = None, estimator: Estimator | None = None
) -> Workshop:
    """Load what a config names; a model or estimator given as an object takes its place.

    Raises UnderpaintingError on names that cannot be loaded, unknown layers, properties or schedulers.
    """
    device = choose_device(config.run.device)
    model = open_model(config, model)
    layers = model.resolve(config.watch.layers)
    if "unconditional" in config.watch.branches and config.model.guidance_scale <= 1:
        raise UnderpaintingError(
            "[watch] branches: unconditional does not exist without guidance; raise guidance_scale above 1"
        )
    estimator = estimator or load_estimator(config.labels.estimator, device=device)
    named = config.labels.classifier
    classifier = None if named is None else load_classifier(named, device=device)
    properties = choose_properties(estimator, config.labels.properties)
    channels, *grid = model.adapter.latents(model.pipe, model.size)
    decoder = model.decoder_channels
    attention = Layer("decoder", DECODER, (grid[0], grid[1]), decoder) if decoder else None
    kinds: tuple[str, ...] = tuple(dict.fromkeys(config.controls.twins))
    places = Places(layers, config.model.steps, config.watch.branches, properties, channels, attention, kinds)
    networks = {kind: twin_of(model.adapter.denoiser(model.pipe), kind.removesuffix(OWN)) for kind in kinds}
    twins = {kind: network for kind, network in networks.items() if not kind.endswith(OWN)}
    strays = {kind: model.with_denoiser(networks[kind]) for kind in kinds if kind.endswith(OWN)}
    return Workshop(model, estimator, classifier, places, twins, strays)


def open_model(config: StudyConfig, model: Model | None = None) -> Model:
    """Load the model that a config names, or take the one given, with the config's scheduler."""
    device, dtype = choose_device(config.run.device), getattr(torch, config.model.dtype)
    wanted = config.model
    model = model or load(wanted.name, device=device, torch_dtype=dtype, variant=wanted.variant)
    use_scheduler(model, config.model.scheduler)
    if (config.model.height or model.size[0], config.model.width or model.size[1]) == model.size:
        return model
    return model.of_size(config.model.height, config.model.width)


def choose_device(name: str) -> str:
    """A device by name; "auto" is CUDA where there is one, else Apple's MPS, else the CPU."""
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def use_threads(study: Study, workers: int = 1) -> None:
    """Compute with as many threads as the study was begun with, for the same bytes; others if asked for.

    One that is not begun has those of its config, or as many as the CPUs given, shared out among workers.
    """
    recorded = read_environment(study)
    kept = study.config.run.threads if recorded is None else int(recorded["threads"])
    set_threads(kept, workers)


def record_environment(study: Study, workshop: Workshop) -> list[str]:
    """Record what a study's first run works with; hold a later run to it.

    Returns what has changed and may change last digits, one line each.
    Raises UnderpaintingError where model or estimator are not those that the study was begun with.
    """
    recorded = read_environment(study)
    present = _environment(study, workshop)
    if recorded is None:
        with sealing(study.environment) as temporary:
            write_json(temporary, present)
        return []
    _hold_to(study, recorded, present, ("model", "estimator", "classifier"))
    before, now = (
        {**of.get("versions", {}), **{key: of.get(key) for key in DIGITS}} for of in (recorded, present)
    )
    return [
        f"{name} was {before.get(name)}, is {value}: later pictures may differ in their last digits"
        for name, value in now.items()
        if before.get(name, value) != value
    ]


def recorded_model(study: Study) -> Model:
    """Load a study's model alone, with the threads of `use_threads`.

    Raises UnderpaintingError where it is not there, or not the one that the study was begun with.
    """
    use_threads(study)
    model, recorded = open_model(study.config), read_environment(study)
    if recorded is not None:
        _hold_to(study, recorded, {"model": _about_model(study, model)}, ("model",))
    return model


def _hold_to(
    study: Study, recorded: Mapping[str, Any], present: Mapping[str, Any], parts: Sequence[str]
) -> None:
    for part in parts:
        if recorded.get(part) != present.get(part):
            raise UnderpaintingError(
                f"the {part} is not the one that {study.folder} was begun with (weights or settings differ); "
                "bring the former back, or init another folder"
            )


def _about_model(study: Study, model: Model) -> dict[str, Any]:
    return {
        "name": study.config.model.name,
        "scheduler": model.scheduler_name,
        "fingerprint": model.fingerprint(),
    }


def _environment(study: Study, workshop: Workshop) -> dict[str, Any]:
    model, estimator = workshop.model, workshop.estimator
    device = next(iter(model.adapter.denoiser(model.pipe).parameters())).device
    observers = {"estimator": estimator, "classifier": workshop.classifier}
    return {
        "begun": _today(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "model": _about_model(study, model),
        **{
            part: {"name": observer.name, "fingerprint": observer.fingerprint}
            for part, observer in observers.items()
            if observer
        },
        "config": study.config.model_dump(mode="json", exclude_none=True),
    }


def _today() -> str:
    """The day in UTC, such as 2026-11-24; the environment variable SOURCE_DATE_EPOCH may say another.

    That variable is the one that builds are made reproducible by (reproducible-builds.org).
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(given), UTC) if given.isdecimal() else datetime.now(UTC)
    return now.date().isoformat()

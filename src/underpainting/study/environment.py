"""What a study's pictures are made with, and since when: day, versions, device, threads, weights."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from underpainting.controls import Control, Setting, controls
from underpainting.controls.words import object_names, object_word
from underpainting.diffusion import Layer, Model, attach, load
from underpainting.diffusion.devices import choose_device
from underpainting.diffusion.fingerprint import differences
from underpainting.diffusion.stored import device_of
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers import Classifier, load_classifier
from underpainting.observers.estimators import Estimator, load_estimator
from underpainting.observers.needs import Needed, needs
from underpainting.observers.protocols import checked_observer
from underpainting.records import sealing, write_json
from underpainting.study.labels import choose_properties, label_pictures
from underpainting.study.places import Places
from underpainting.study.request.brought import BroughtLabels, open_brought
from underpainting.study.request.config import StudyConfig, WatchConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.sealed import PARTS
from underpainting.study.study import StudyFolder
from underpainting.study.trust import require_trust
from underpainting.threads import set_threads

DIGITS = ("device", "machine", "threads")  # on which last digits depend, as on versions
NAMED = 3  # differences of a model that are told one by one
PACKAGES = ("underpainting", "torch", "diffusers", "transformers", "safetensors", "numpy")


@dataclass(frozen=True)
class Loaded:
    """What a study's config names, loaded: model, observers, controls, and the places that are probed.

    labeller: the estimator that labels final pictures, or maps that the user brings. objects: what objects of
    prompts are called, where a control reads attention to their words.
    """

    model: Model
    labeller: Estimator | BroughtLabels
    classifier: Classifier | None
    controls: tuple[Control, ...]
    places: Places
    objects: tuple[str, ...] = ()

    @property
    def estimator(self) -> Estimator:
        """The estimator, for pictures that are not the study's own.

        Raises UnderpaintingError where the labels were brought, which are of the study's pictures alone.
        """
        if isinstance(self.labeller, BroughtLabels):
            raise UnderpaintingError(
                "this study's labels were brought, and no estimator can label other pictures: "
                "init a study with [labels] estimator"
            )
        return self.labeller

    def words(self, rows: Sequence[PromptRow]) -> tuple[tuple[str], ...]:
        """The word of each prompt's object, where a control reads it; raises as `object_word`."""
        return tuple((object_word(row.prompt, self.objects),) for row in rows) if self.objects else ()

    def label(self, rows: Sequence[PromptRow], pictures: Tensor) -> dict[str, Tensor]:
        """Labels [picture, height, width] by property of a study's pictures [picture, 3, height, width].

        Raises UnsoundPictures where the estimator fails.
        """
        if isinstance(self.labeller, BroughtLabels):
            maps = self.labeller.maps([row.image for row in rows], self.model.size)
            return {of.name: maps[of.name] for of in self.places.properties}
        return label_pictures(self.labeller, pictures, self.places.properties)


def study_needs(config: StudyConfig) -> list[Needed]:
    """The weights that a study's config names."""
    labels = config.labels
    needed = needs("model", config.model.name, config.model.variant)
    needed += needs("estimator", labels.estimator) if labels.folder is None else []
    return needed + (needs("classifier", labels.classifier) if labels.classifier else [])


def own_model(given: Any) -> Model | None:
    """A model of a pipeline or a `Model`, which stays as it is; None of a name.

    A study gives its model a scheduler. Raises UnderpaintingError where the pipeline's family has no adapter.
    """
    if given is None or isinstance(given, str | Path):
        return None
    model = given if isinstance(given, Model) else attach(given)
    return model.with_denoiser(model.adapter.denoiser(model.pipe))


def load_trusted(
    study: StudyFolder, model: Model | None = None, estimator: Estimator | None = None
) -> Loaded:
    """Load what a study was run with, or is to be; its model and estimator may be given as objects.

    Raises UnderpaintingError as `load_study`, and where it names code that nobody has said yes to here.
    """
    estimator = estimator or study.estimator
    require_trust(study, estimator)
    return load_study(study.config, model or study.model, estimator)


def load_study(
    config: StudyConfig, model: Model | None = None, estimator: Estimator | BroughtLabels | None = None
) -> Loaded:
    """Load what a config names, code of one's own too; a model or estimator given as an object takes its
    place.

    Raises UnderpaintingError on names that cannot be loaded, unknown layers, properties or schedulers.
    """
    device = choose_device(config.run.device)
    if "unconditional" in config.watch.branches and config.model.guidance_scale <= 1:
        raise UnderpaintingError(
            "[watch] branches: unconditional does not exist without guidance; raise guidance_scale above 1"
        )
    if config.model.negative_prompt is not None and config.model.guidance_scale <= 1:
        raise UnderpaintingError(
            "[model] negative_prompt: no second branch without guidance; raise guidance_scale above 1"
        )
    labeller: Estimator | BroughtLabels
    if estimator is None and config.labels.folder is not None:
        labeller = open_brought(Path(config.labels.folder))
    else:
        labeller = estimator or load_estimator(config.labels.estimator, device=device)
        if not isinstance(labeller, BroughtLabels):
            checked_observer("estimator", labeller)
    named = config.labels.classifier
    classifier = None if named is None else load_classifier(named, device=device)
    properties = choose_properties(labeller, config.labels.properties)
    model = open_model(config, model)  # last, for it is the largest
    if model.arguments and model.has_weights:
        model.stacking(config.model.guidance_scale)  # which refuses those that the pipeline does not take
    layers = watched_layers(model, config.watch)
    chosen = tuple(controls()[key] for key in config.controls.use)
    setting = Setting(model, layers, config.watch.branches)
    stand_ins = tuple(stand_in for control in chosen for stand_in in control.stand_ins(setting))
    places = Places(layers, config.model.steps, config.watch.branches, properties, stand_ins)
    classes = classifier.classes if classifier else ()
    return Loaded(
        model, labeller, classifier, chosen, places, object_names(chosen, config.controls.objects, classes)
    )


def watched_layers(model: Model, watch: WatchConfig) -> tuple[Layer, ...]:
    """The layers of a model that a config asks for."""
    return model.resolve(watch.layers, every_nth_block=watch.every_nth_block)


def open_model(config: StudyConfig, model: Model | None = None) -> Model:
    """Load the model that a config names, or take the one given, with the config's scheduler and negative
    prompt.
    """
    device, dtype = choose_device(config.run.device), getattr(torch, config.model.dtype)
    wanted = config.model
    model = model or load(wanted.name, device=device, torch_dtype=dtype, variant=wanted.variant)
    model.use_scheduler(wanted.scheduler)
    if wanted.negative_prompt is not None:
        model = model.called_with(negative_prompt=wanted.negative_prompt)
    if (config.model.height or model.size[0], config.model.width or model.size[1]) == model.size:
        return model
    return model.of_size(config.model.height, config.model.width)


def reload(study: StudyFolder) -> Loaded:
    """All that a study with probes was run with, held to what was recorded then.

    Raises UnderpaintingError where it has no whole probes, or where model or estimator are not there or not
    the same.
    """
    study.require(study.probes_folder)
    use_threads(study)
    loaded = load_trusted(study)
    record_environment(study, loaded)
    return loaded


def use_threads(study: StudyFolder, workers: int = 1) -> None:
    """Compute with as many threads as the study was begun with, for the same bytes; others if asked for.

    One that is not begun has those of its config, or as many as the CPUs given, shared out among workers.
    """
    recorded = study.recorded()
    kept = study.config.run.threads if recorded is None else int(recorded["threads"])
    set_threads(kept, workers)


def record_environment(study: StudyFolder, loaded: Loaded) -> list[str]:
    """Record what a study's first run works with; hold a later run to it.

    Returns what has changed and may change last digits, one line each.
    Raises UnderpaintingError where model or estimator are not those that the study was begun with.
    """
    recorded = study.recorded()
    present = _environment(study, loaded)
    if recorded is None:
        with sealing(study.environment_file) as temporary:
            write_json(temporary, present)
        return []
    _hold_to(study, recorded, present, PARTS)
    before, now = (
        {**of.get("versions", {}), **{key: of.get(key) for key in DIGITS}} for of in (recorded, present)
    )
    return [
        f"{name} was {before.get(name)}, is {value}: later pictures may differ in their last digits"
        for name, value in now.items()
        if before.get(name, value) != value
    ]


def hold_model(study: StudyFolder, about: Mapping[str, Any]) -> None:
    """Raise UnderpaintingError where a model, by `about_model`, is not the one the study was begun with."""
    if (recorded := study.recorded()) is not None:
        _hold_to(study, recorded, {"model": about}, ("model",))


def about_model(model: Model, name: str) -> dict[str, Any]:
    """What is recorded of a model, by which what goes on with it tells it from others."""
    return {"name": name, "scheduler": model.scheduler_name, **model.fingerprint()}


def other_model(recorded: Any, present: Mapping[str, Any]) -> str:
    """How a model differs from the recorded one, in a few words; empty where it is the same.

    present: what `about_model` says of it. Of more than `NAMED` differences the others are counted.
    """
    recorded = recorded if isinstance(recorded, dict) else {}
    if recorded.get("name") != present["name"]:
        return f"its name is {present['name']}, was {recorded.get('name')}"
    how = differences(recorded, present)
    return "; ".join([*how[:NAMED], *([f"and {len(how) - NAMED} more"] if len(how) > NAMED else [])])


def _hold_to(
    study: StudyFolder, recorded: Mapping[str, Any], present: Mapping[str, Any], parts: Sequence[str]
) -> None:
    for part in parts:
        before, now = recorded.get(part), present.get(part)
        if part == "model":
            how = other_model(before, now or {})
        else:
            how = "weights or settings differ" if before != now else ""
        if how:
            raise UnderpaintingError(
                f"the {part} is not the one that {study.folder} was begun with ({how}); bring the former "
                "back, or init another folder"
            )


def _environment(study: StudyFolder, loaded: Loaded) -> dict[str, Any]:
    model = loaded.model
    device = device_of(model.pipe, model.adapter.denoiser(model.pipe))
    labeller = "labels" if isinstance(loaded.labeller, BroughtLabels) else "estimator"
    observers = {labeller: loaded.labeller, "classifier": loaded.classifier}
    return {
        "begun": _today(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "prompts": study.digest,
        "model": about_model(model, study.config.model.name),
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

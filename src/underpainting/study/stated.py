"""What a study's config names, told by configurations and names alone: no weights are read or asked for."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from underpainting.diffusion.shapes import load_shapes
from underpainting.observers.estimators import Estimator, JoinedEstimator, load_estimator
from underpainting.observers.joined_estimator import parts_of
from underpainting.observers.registry import resolve
from underpainting.study.environment import Loaded, load_study
from underpainting.study.request.config import LabelsConfig, StudyConfig
from underpainting.study.study import StudyFolder
from underpainting.study.trust import require_trust


class StatedEstimator:
    """An estimator of which it is known what it gives, and that labels no picture."""

    def __init__(self, name: str, gives: str) -> None:
        """gives: its properties, with commas between."""
        self.name, self.fingerprint = name, "stated"
        self.properties = tuple(part.strip() for part in gives.split(","))

    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Nothing can be labelled."""
        raise NotImplementedError(f"{self.name} is known by name alone")


def load_stated(study: StudyFolder) -> Loaded:
    """What a study's cost follows from but for its time. It can make no pictures, and has no classifier.

    Classes of one's own are imported, for they say what they give. Raises UnderpaintingError as
    `load_trusted`, but not where weights are missing.
    """
    require_trust(study)
    config = study.config
    model = load_shapes(config.model.name, torch_dtype=getattr(torch, config.model.dtype))
    return load_study(_without_classifier(config), model, _estimator(config.labels))


def _without_classifier(config: StudyConfig) -> StudyConfig:
    """The config without what takes a classifier's weights: its classes may name objects of prompts."""
    labels = config.labels.model_copy(update={"classifier": None})
    objects = config.controls.objects or ((config.labels.classifier,) if config.labels.classifier else ())
    controls = config.controls.model_copy(update={"objects": objects})
    return config.model_copy(update={"labels": labels, "controls": controls})


def _estimator(labels: LabelsConfig) -> Estimator | None:
    """What labels pictures, by what is registered of it; None where labels are brought."""
    if labels.folder is not None:
        return None
    parts: list[Estimator] = []
    for name in parts_of(labels.estimator):
        gives = resolve("estimator", name)[0].gives
        parts.append(StatedEstimator(str(name), gives) if gives else load_estimator(name))
    return parts[0] if len(parts) == 1 else JoinedEstimator(parts)

"""Whether what labels and classifies a study's pictures knows pictures of their kind."""

from __future__ import annotations

from underpainting import stilllife
from underpainting.observers.joined_estimator import parts_of
from underpainting.readers import home_path
from underpainting.study.request.config import StudyConfig
from underpainting.weights import trained_name

OWN = "stilllife"


def about_observers(config: StudyConfig) -> list[str]:
    """A line where the still life's estimator or classifier looks at another model's pictures, else none."""
    labels, model = config.labels, config.model.name
    if _is_still_life(model):
        return []
    estimates = labels.folder is None and OWN in parts_of(labels.estimator)
    if not (estimates or labels.classifier == OWN):
        return []
    remedies = {
        "estimator": "--estimator tracer,midas, or labels of your own by --labels FOLDER"
        if estimates
        else "",
        "classifier": "--classifier vgg16" if labels.classifier == OWN else "",
    }
    wrong = {kind: remedy for kind, remedy in remedies.items() if remedy}
    verb = "know" if len(wrong) > 1 else "knows"
    return [
        f"caution: {' and '.join(wrong)} {OWN} {verb} the still life's pictures alone, and what is said of "
        f"pictures of {model} means nothing; give {'; '.join(wrong.values())}"
    ]


def _is_still_life(model: str) -> bool:
    """Whether a model's name means the bundled one or an untrained network of its shape."""
    return (
        trained_name(model) == OWN
        or home_path(model).resolve() == (stilllife.folder() / "pipeline").resolve()
    )

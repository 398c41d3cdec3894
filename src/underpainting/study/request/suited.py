"""Whether what a study works with knows its like: estimators the pictures, the still life the words."""

from __future__ import annotations

from collections.abc import Sequence

from underpainting import stilllife
from underpainting.observers.joined_estimator import parts_of
from underpainting.readers import home_path
from underpainting.study.request.config import StudyConfig
from underpainting.weights import trained_name

OWN = "stilllife"
MOST_WORDS = 6  # of a line


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


def about_words(config: StudyConfig, prompts: Sequence[str]) -> list[str]:
    """A line where the still life is told words that it has not learnt, else none."""
    if not _is_still_life(config.model.name):
        return []
    strange = dict(pair for prompt in prompts for pair in stilllife.strange_words(prompt).items())
    if not strange:
        return []
    told = [f"{word} ({near}?)" if near else word for word, near in list(strange.items())[:MOST_WORDS]]
    more = f" and {len(strange) - len(told)} more" if len(strange) > len(told) else ""
    return [f"caution: the still life has not learnt {', '.join(told)}{more}, and paints something else"]


def _is_still_life(model: str) -> bool:
    """Whether a model's name means the bundled one or an untrained network of its shape."""
    return (
        trained_name(model) == OWN
        or home_path(model).resolve() == (stilllife.folder() / "pipeline").resolve()
    )

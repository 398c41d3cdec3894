"""What is told of a picture, and of an edit, when it is finished."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from underpainting.intervention.asked import middle
from underpainting.intervention.painter import Unedited
from underpainting.intervention.picture import Intervened
from underpainting.page.onlooker import Onlooker
from underpainting.page.served import Served
from underpainting.page.wire import defined, first_classes, png, whole_maps
from underpainting.study.batch import to_bytes
from underpainting.study.kept.classes import classify
from underpainting.vocabulary import OBJECT

CLASS_LOST = "the classifier no longer sees the same: {after}, unedited {before}"


def finished_picture(served: Served, unedited: Unedited, onlooker: Onlooker) -> dict[str, Any]:
    """Of a picture as it is."""
    picture = to_bytes(unedited.pictures[0]).permute(1, 2, 0).contiguous()
    return _seen(served, picture, unedited.labels) | {"scores": onlooker.scores(dict(unedited.labels))}


def finished_edit(
    served: Served, unedited: Unedited, made: Intervened, onlooker: Onlooker, identity: str
) -> dict[str, Any]:
    """Of an edited picture, beside the unedited one."""
    labels = served.painter.labels(made.after.picture.movedim(-1, 0)[None].float() / 255)
    kept, background = (made.after.scores.get(("", name)) for name in ("class_kept", "background_change"))
    honest = made.shortfalls
    if kept == 0:
        honest.append(CLASS_LOST.format(before=made.before.seen, after=made.after.seen))
    names = made.edit.properties
    return {
        **_seen(served, made.after.picture, labels),
        "scores": onlooker.scores(labels),
        "before": _seen(served, made.before.picture, unedited.labels),
        "agreement": {
            name: {
                "before": defined(made.before.scores[name, "target"]),
                "after": defined(made.after.scores[name, "target"]),
            }
            for name in names
        },
        "own": {name: defined(made.after.scores[name, "own"]) for name in names},
        "class_kept": None if kept is None else bool(kept),
        "followed": made.followed,
        "advice": honest,
        "another": made.another if made.shortfalls else None,
        "background_change": None if background is None else defined(background),
        "export": f"/api/edits/{identity}/export",
    }


def _seen(served: Served, picture: Tensor, labels: Any) -> dict[str, Any]:
    """A finished picture uint8 [height, width, 3], and what estimator and classifier see in it."""
    classifier = served.painter.loaded.classifier
    mask = labels[OBJECT][0] if OBJECT in labels else torch.zeros(1, 1)
    there = bool(mask.any())
    return {
        "picture": png(picture),
        "labels": whole_maps({name: of[0] for name, of in labels.items()}),
        "object": {"middle": list(middle(mask)), "share": float(mask.mean())} if there else None,
        "classes": None
        if classifier is None
        else first_classes(classify(classifier, picture[None])[0], classifier.classes),
    }

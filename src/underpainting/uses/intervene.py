"""One picture made again with edited activations, in a folder from which it can be made once more."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.intervention import Move, Plan
from underpainting.records import atomic_folder, sha256_file
from underpainting.study.folder import write_json
from underpainting.study.prompts import PromptRow
from underpainting.uses.easel import MASK, Easel, Unedited
from underpainting.uses.trials import judge, targets

CARD, DRAWN = "intervention.json", "mask.png"
Number = Annotated[float, Field(allow_inf_nan=False)]


class Asked(BaseModel):
    """What is asked of one picture.

    right, down, scale, angle, mirrored: as `Move`, about the middle of the object. drawn: the mask is a
    picture's instead. nearer: how much nearer the object is to be, in standard deviations of the picture's
    depth (negative: farther). relit: the shading is to be mirrored, light turned to the other side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    seed: int
    right: Number = 0.0
    down: Number = 0.0
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    angle: Number = 0.0
    mirrored: bool = False
    drawn: bool = False
    nearer: Number = 0.0
    relit: bool = False

    @property
    def is_moved(self) -> bool:
        """Whether the object is to be elsewhere, or otherwise."""
        return self.mirrored or (self.right, self.down, self.scale, self.angle) != (0, 0, 1, 0)

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that have a target."""
        wanted = {MASK: self.is_moved or self.drawn, "depth": self.nearer != 0, "shading": self.relit}
        return tuple(name for name, asked in wanted.items() if asked) or (MASK,)


@dataclass(frozen=True)
class Intervened:
    """What came of it: its folder, and scores by property and metric (see `trials.judge`)."""

    folder: Path
    scores: dict[tuple[str, str], float]


def intervene(easel: Easel, asked: Asked, plan: Plan, out: Path | None, drawn: Tensor | None) -> Intervened:
    """Make a picture as it is and with edited activations; keep both with the target and all settings.

    out: folder to make; by default one named by what is asked, in the study's `interventions`. drawn: a mask
    [height, width] of 0 and 1.

    Raises UnderpaintingError where there is no object to move, the drawn mask is empty, of another size, or
    both, where the plan cannot be carried out, or the folder is there.
    """
    made = _make(easel, asked, plan, drawn)
    request = {"asked": asked.model_dump(mode="json"), "plan": plan.model_dump(mode="json")}
    about = {
        **request,
        "drawn": None if drawn is None else hashlib.sha256(drawn.byte().numpy().tobytes()).hexdigest(),
        "study": easel.study.folder.resolve().name,
        "probes": sha256_file(easel.study.probes / "probes.safetensors"),
        "environment": json.loads(easel.study.environment.read_text(encoding="utf-8")),
        "after": _digest(made.after),
        "scores": {"/".join(filter(None, key)): value for key, value in made.scores.items()},
    }
    name = hashlib.sha256(json.dumps([request, about["drawn"]], sort_keys=True).encode()).hexdigest()[:12]
    folder = out or easel.study.interventions / name
    if folder.exists():
        raise UnderpaintingError(f"{folder} is there already; name another folder by --out, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as temporary:
        write_json(temporary / CARD, about)
        for file, picture in _pictures(made, plan).items():
            (temporary / file).write_bytes(picture)
        if drawn is not None:
            (temporary / DRAWN).write_bytes(_png(drawn[None].repeat(3, 1, 1)))
    return Intervened(folder, made.scores)


def replay(easel: Easel, folder: Path) -> bool:
    """Make an intervention's picture again from its folder: whether it is the same, bit for bit.

    Raises UnderpaintingError where the folder holds none, or the study's probes are not those it was made
    with.
    """
    try:
        about: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        asked, plan = Asked.model_validate(about["asked"]), Plan.model_validate(about["plan"])
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise UnderpaintingError(f"{folder} holds no intervention ({str(error).splitlines()[0]})") from None
    if about["probes"] != sha256_file(easel.study.probes / "probes.safetensors"):
        raise UnderpaintingError(
            f"{folder} was made with other probes than those of {easel.study.folder}; give its own study"
        )
    drawn = read_mask(folder / DRAWN, easel.workshop.model.size) if asked.drawn else None
    return bool(_digest(_make(easel, asked, plan, drawn).after) == about["after"])


def read_mask(path: Path, size: tuple[int, int]) -> Tensor:
    """A drawn mask [height, width] of 0 and 1: what is bright is the object.

    Raises UnderpaintingError where it is no picture, not of the size asked for, or nothing in it is bright.
    """
    try:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
    except OSError as error:
        raise UnderpaintingError(f"{path} cannot be read as a mask ({error}); give a picture") from None
    if grey.shape != size:
        raise UnderpaintingError(
            f"mask {path} is {grey.shape[1]} x {grey.shape[0]} pixels; give one of the picture's size, "
            f"{size[1]} x {size[0]}"
        )
    mask = torch.from_numpy((grey > 127).astype(np.float32))
    if not bool(mask.any()):
        raise UnderpaintingError(f"mask {path} is empty; make white what is to be the object")
    return mask


@dataclass(frozen=True)
class _Made:
    before: Unedited
    after: Tensor
    target: Mapping[str, Tensor]
    labels: Mapping[str, Tensor]
    scores: dict[tuple[str, str], float]


def _make(easel: Easel, asked: Asked, plan: Plan, drawn: Tensor | None) -> _Made:
    unedited = easel.unedited([PromptRow(asked.prompt, asked.seed, 0)], plan)
    target, moves = _target(easel, asked, unedited, drawn)
    change = easel.change(plan, unedited, target, moves)
    after = easel.paint(unedited.rows, easel.edit(plan, change))
    labels, workshop = easel.labels(after), easel.workshop
    scores = judge(after, labels, unedited, target, workshop.places.properties, workshop.classifier)
    return _Made(unedited, after, target, labels, {key: float(of[0]) for key, of in scores.items()})


def _target(
    easel: Easel, asked: Asked, unedited: Unedited, drawn: Tensor | None
) -> tuple[dict[str, Tensor], Sequence[Move] | None]:
    """Target maps of all properties, and how the picture's own were moved (None: they were not)."""
    labels, properties = unedited.labels, easel.workshop.places.properties
    target = dict(labels)
    moves = None
    if asked.properties != (MASK,) or asked.is_moved:
        mask = labels.get(MASK)
        if mask is None or not bool(mask.any()):
            raise UnderpaintingError(
                f"the estimator sees no object in the picture of {asked.prompt!r}, seed {asked.seed}; take "
                "another seed"
            )
        move = Move(asked.right, asked.down, asked.scale, asked.angle, asked.mirrored, _middle(mask[0]))
        if asked.is_moved:
            moves = [move]
            target = targets(labels, moves, properties)
        if asked.nearer:
            depth = target["depth"]
            target["depth"] = depth + asked.nearer * depth.std() * target[MASK]
        if asked.relit:
            target["shading"] = target["shading"].flip(-1)
    if drawn is not None:
        target[MASK] = drawn[None]
    return target, moves


def _middle(mask: Tensor) -> tuple[float, float]:
    down, right = mask.nonzero().float().mean(0).add(0.5).tolist()
    return right / mask.shape[1], down / mask.shape[0]


def _pictures(made: _Made, plan: Plan) -> dict[str, bytes]:
    """Before, after, and both side by side with the target's outline between, as PNG files."""
    before, after = made.before.pictures[0], made.after[0]
    files = {"before.png": _png(before), "after.png": _png(after)}
    shown = [before]
    for name in plan.properties:
        of = made.target[name][0]
        span = (of - of.min()) / (of.max() - of.min()).clamp(min=1e-6)
        shown.append(span[None].repeat(3, 1, 1))
    return {**files, "strip.png": _png(torch.cat([*shown, after], dim=2))}


def _png(picture: Tensor) -> bytes:
    levels = (picture * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    out = io.BytesIO()
    Image.fromarray(levels).save(out, format="png")
    return out.getvalue()


def _digest(pictures: Tensor) -> str:
    return hashlib.sha256((pictures * 255).round().byte().numpy().tobytes()).hexdigest()

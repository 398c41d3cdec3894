"""What may be asked of the page, checked before any work begins."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from underpainting.intervention.edit import Kind
from underpainting.vocabulary import Branch

PROMPT, SEED, MOST_STEPS, MOST_GUIDANCE = 500, 2**53, 100, 30.0
"""Characters of a prompt; seeds that JavaScript can hold; steps; guidance scale."""

MASK_SIDE = 1024
SEEDS = 64  # at once
BODY = 2_000_000  # bytes of a request: a mask of the largest size in base64, and room
KINDS: tuple[str, ...] = get_args(Kind)
Name = Annotated[str, Field(max_length=200)]
Share = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _PromptAsk(_Ask):
    prompt: Annotated[str, Field(min_length=1, max_length=PROMPT, examples=["a blue mug on a wooden floor"])]

    @field_validator("prompt")
    @classmethod
    def _text(cls, prompt: str) -> str:
        if not prompt.isprintable() or not prompt.strip():
            raise ValueError("a prompt is one line of text")
        return prompt


class PictureAsk(_PromptAsk):
    """A picture: its prompt and seed; steps and guidance scale as the study's where not given."""

    seed: Annotated[int, Field(ge=0, lt=SEED)] = 0
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=MOST_GUIDANCE)] | None = None


class MaskAsk(_Ask):
    """What the object is to be: one byte a pixel, row by row, in base64; the object where at least 128."""

    size: tuple[Annotated[int, Field(ge=1, le=MASK_SIDE)], Annotated[int, Field(ge=1, le=MASK_SIDE)]]
    data: Annotated[str, Field(max_length=4 * -(-(MASK_SIDE**2) // 3))]

    @model_validator(mode="after")
    def _whole(self) -> MaskAsk:
        try:
            count = len(base64.b64decode(self.data, validate=True))
        except (binascii.Error, ValueError):
            raise ValueError("data is not base64") from None
        if count != self.size[0] * self.size[1]:
            raise ValueError(f"data holds {count} bytes for {self.size[0]} x {self.size[1]} pixels")
        return self

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The mask, 0 and 1 [height, width]."""
        bytes_ = np.frombuffer(base64.b64decode(self.data), np.uint8)
        return (bytes_.reshape(self.size) >= 128).astype(np.uint8)


class HowAsk(_Ask):
    """An edit's settings, as far as they are given."""

    kind: Kind | None = None
    strength: Annotated[float, Field(ge=0, le=100)] | None = None
    first: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    last: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    layers: (
        Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(min_length=1, max_length=200)]
        | None
    ) = None
    branches: Annotated[tuple[Branch, ...], Field(min_length=1, max_length=2)] | None = None


class EditAsk(_PromptAsk):
    """The same picture with its object elsewhere, or otherwise."""

    seed: Annotated[int, Field(ge=0, lt=SEED)] = 0
    move: tuple[Share, Share] = (0.0, 0.0)
    scale: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    rotate: Annotated[float, Field(ge=-360, le=360)] = 0.0
    mirror: bool = False
    mask: MaskAsk | None = None
    nearer: Annotated[float, Field(ge=-5, le=5)] = 0.0
    relight: bool = False
    edit: HowAsk = HowAsk()

    @model_validator(mode="after")
    def _one_target(self) -> EditAsk:
        moved = self.mirror or (*self.move, self.scale, self.rotate) != (0, 0, 1, 0)
        if self.mask is not None and moved:
            raise ValueError("a mask and a move are two targets: give one")
        if self.mask is None and not (moved or self.nearer or self.relight):
            raise ValueError("there is no target: give move, scale, rotate, mirror, mask, nearer or relight")
        return self

    @property
    def asked(self) -> dict[str, Any]:
        """The settings of `Asked` that this is."""
        right, down = self.move
        asked = {"prompt": self.prompt, "seed": self.seed, "right": right, "down": down}
        asked |= {"scale": self.scale, "angle": self.rotate, "mirrored": self.mirror}
        return asked | {"nearer": self.nearer, "relit": self.relight}


class EstimatesAsk(PictureAsk):
    """What the estimator sees in the pictures of a picture's steps: as they are, or the clean predictions."""

    look: Literal["noisy", "clean"] = "clean"


class SeedsAsk(_PromptAsk):
    """What is read of a prompt's pictures after some steps, for seeds in a row."""

    first: Annotated[int, Field(ge=0, lt=SEED - SEEDS)] = 0
    count: Annotated[int, Field(ge=1, le=SEEDS)] = 24
    step: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 3


LIMITS: dict[str, Any] = {
    "prompt": PROMPT,
    "seed": SEED - 1,
    "steps": MOST_STEPS,
    "guidance_scale": MOST_GUIDANCE,
    "mask": MASK_SIDE,
    "seeds": SEEDS,
    "body": BODY,
}

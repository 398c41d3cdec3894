"""Some test pictures filmed: what each step shows of them, for the gallery and for estimators to look at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from underpainting.diffusion import Model, StepRecord
from underpainting.study.batch import to_bytes
from underpainting.study.prompts import PromptRow

LOOKS = ("noisy", "scaled", "clean")
DECODED_AT_ONCE = 8


class Film:
    """Latents of a batch's filmed pictures, step by step, in three looks.

    `noisy` are the latents before the step, `scaled` the same brought to unit variance (in sigma space they
    are divided by sqrt(1 + sigma^2)), `clean` the predicted clean latents.
    """

    def __init__(self, rows: Sequence[PromptRow], wanted: Sequence[PromptRow]) -> None:
        """Film what a batch has of the wanted pictures."""
        self._filmed = [i for i, row in enumerate(rows) if row in wanted]
        self._kept: list[tuple[Tensor, ...]] = []

    def look(self, record: StepRecord) -> None:
        """Keep one step."""
        if self._filmed:
            noisy, clean = (x[self._filmed].clone() for x in (record.latents, record.predicted_clean))
            self._kept.append((noisy, noisy / record.scale, clean))

    def develop(self, model: Model, i: int) -> dict[str, Tensor]:
        """The steps of the batch's `i`-th picture by look: uint8 [step, height, width, 3].

        Nothing of a picture that is not filmed.
        """
        if i not in self._filmed:
            return {}
        j = self._filmed.index(i)
        return {
            look: _decode(model, torch.stack([step[k][j] for step in self._kept]))
            for k, look in enumerate(LOOKS)
        }


def _decode(model: Model, latents: Tensor) -> Tensor:
    parts = [
        to_bytes(model.decode(part)).permute(0, 2, 3, 1).cpu()
        for part in torch.split(latents, DECODED_AT_ONCE)
    ]
    return torch.cat(parts).contiguous()

"""What the noise says of a picture before anything is evaluated: a local linear map, fitted on others.

Initial noise and the layout that comes of it are related (Mao et al. 2023, arXiv 2305.03382; Ban et al. 2024,
arXiv 2406.01970). Whoever beats chance by evaluating the network has to beat this too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import unfold

from underpainting.controls.latents import cosines
from underpainting.diffusion.still import white_noise
from underpainting.probes import Moments, Probe, cell_means, ridge
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Grid

WINDOW = 7
STRENGTHS = tuple(10.0**power for power in range(-3, 4))


def windows(noise: Tensor) -> Tensor:
    """At each cell of noise [picture, channel, h, w], the 7 x 7 around it (0 beyond the border), and where it
    is: [picture, token, number].
    """
    around = unfold(noise, WINDOW, padding=WINDOW // 2).transpose(1, 2)
    return torch.cat([around, cosines(_grid(noise)).to(around).expand(len(around), -1, -1)], dim=2)


class NoiseMap:
    """Linear maps from noise to each property, on the latents' grid."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        """probes: from windows of noise, by property."""
        self.probes = probes

    def maps(self, noise: Tensor) -> dict[str, Tensor]:
        """Predicted maps [picture, row, column] by property, of noise [picture, channel, h, w]."""
        x = windows(noise)
        shape = len(noise), *_grid(noise)
        return {name: probe.apply(x).reshape(shape) for name, probe in self.probes.items()}


def fit_noise(study: StudyFolder, properties: Sequence[str], latents: Tensor) -> NoiseMap:
    """Fitted on a study's fit pictures, the ridge strength by what is left unexplained of its calibrate ones.

    latents: of the shape and dtype that the noise of each picture has, any number of them.
    """
    x, rows = {}, {split: study.sound_rows(split) for split in ("fit", "calibrate")}
    for split, pictures in rows.items():
        one = latents[:1].expand(len(pictures), -1, -1, -1)
        x[split] = windows(white_noise(one, [row.seed for row in pictures]))
    probes = {}
    for name in properties:
        labels = study.labels(name)
        y = {
            split: cell_means(torch.stack([labels[row.image] for row in of]).float(), _grid(latents))
            for split, of in rows.items()
        }
        moments = Moments(x["fit"].shape[2], 1)
        moments.update(x["fit"], y["fit"][..., None])
        every = ridge(moments, STRENGTHS)
        errors = (every.apply(x["calibrate"])[..., 0] - y["calibrate"][..., None]).square().mean((0, 1))
        probes[name] = every.pick(int(errors.argmin()), 0).float()
    return NoiseMap(probes)


def _grid(latents: Tensor) -> Grid:
    return latents.shape[-2], latents.shape[-1]

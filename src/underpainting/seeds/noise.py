"""What the initial noise says of a picture before anything is evaluated: a linear map, fitted on others.

Initial noise and the layout that comes of it are related (Mao et al. 2023, arXiv 2305.03382; Ban et al. 2024,
arXiv 2406.01970). Whoever beats chance by evaluating the network has to beat this too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.controls.latents import windows as windows_of
from underpainting.diffusion import Model
from underpainting.diffusion.still import white_noise
from underpainting.probes import Moments, Probe, cell_means, ridge
from underpainting.seeds.layout import Maps
from underpainting.seeds.predict import Seen
from underpainting.study.schedule import in_batches
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Grid

WINDOW = 7
STRENGTHS = tuple(10.0**power for power in range(-3, 4))
AT_ONCE = 16  # pictures


@dataclass(frozen=True)
class ByNoise:
    """As a linear map of the noise around each cell of the latents foretells.

    probes: from `windows`, by property.
    """

    probes: Mapping[str, Probe]

    def ways(self, seen: Seen) -> dict[str, Maps]:
        """One way alone, of what there is at step 0."""
        return {"noise": self.maps(seen.clean)}

    def maps(self, noise: Tensor) -> dict[str, Tensor]:
        """Predicted maps [picture, row, column] by property, of noise [picture, channel, h, w]."""
        maps: dict[str, list[Tensor]] = {name: [] for name in self.probes}
        for some in torch.split(noise, AT_ONCE):  # windows are some 50 times as large
            x = windows(some)
            for name, probe in self.probes.items():
                maps[name].append(probe.apply(x).reshape(len(some), *_grid(some)))
        return {name: torch.cat(parts) for name, parts in maps.items()}


def windows(noise: Tensor) -> Tensor:
    """At each cell of noise [picture, channel, h, w], the 7 x 7 around it (0 beyond the border), and where it
    is: [picture, token, number].
    """
    return windows_of(noise, _grid(noise), WINDOW, "constant")


def noise_of(model: Model, seeds: Sequence[int]) -> Tensor:
    """The noise that a model's pictures begin with, at unit variance: [picture, channel, h, w], float32."""
    shape = model.adapter.latents(model.pipe, model.size)
    one = torch.empty(len(seeds), *shape, dtype=model.adapter.denoiser(model.pipe).dtype)
    return white_noise(one, seeds).float()


def unseen(model: Model, seeds: Sequence[int]) -> Seen:
    """What there is of pictures before the first step."""
    return Seen(0, {}, noise_of(model, seeds))


def fit_noise(study: StudyFolder, properties: Sequence[str], model: Model) -> ByNoise:
    """Fit maps to a study's fit pictures, of strengths that leave least of its calibrate ones unexplained."""
    labels = [study.labels(name) for name in properties]

    def batches(split: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Windows [picture, token, number] with what they are to foretell [picture, token, property]."""
        for rows in in_batches(study.sound_rows(split), AT_ONCE):
            noise = noise_of(model, [row.seed for row in rows])
            finished = [torch.stack([of[row.image] for row in rows]).float() for of in labels]
            yield windows(noise), torch.stack([cell_means(of, _grid(noise)) for of in finished], dim=-1)

    moments = Moments(windows(noise_of(model, [0])).shape[-1], len(labels))
    for x, y in batches("fit"):
        moments.update(x, y)
    every = ridge(moments, STRENGTHS)  # [strength, property]
    errors = torch.zeros(len(STRENGTHS), len(labels))
    for x, y in batches("calibrate"):
        errors += (every.apply(x) - y[..., None, :]).square().sum((0, 1))
    best = errors.argmin(0).tolist()
    return ByNoise({name: every.pick(best[i], i).float() for i, name in enumerate(properties)})


def _grid(latents: Tensor) -> Grid:
    return latents.shape[-2], latents.shape[-1]

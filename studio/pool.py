"""What trainings draw their batches from: scenes coloured at random, some of them always anew.

To colour and encode a picture costs about half as much as to train the denoiser on it once, so each colouring
serves for a few updates: a pool holds some colourings of every scene and replaces a few before every batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from studio.captions import caption, tell
from studio.colour import colour, coordinates, stack
from studio.compose import Draw, draw
from studio.scenes import Scenes
from studio.world import CLASSES, COLOURS, prompt

AT_ONCE = 64  # pictures

# numbers of scenes [n] and a source of randomness -> columns [n,...]
Make = Callable[[np.ndarray, np.random.Generator], dict[str, Tensor]]


class Pool:
    """``colourings`` entries for each of ``count`` scenes; entry i is of scene i modulo ``count``.

    ``columns`` [entry,...] hold what `make` gave for each. Entries are made anew ``together`` at a time:
    a GPU colours hundreds of pictures as fast as a few.
    """

    def __init__(
        self, count: int, make: Make, rng: np.random.Generator, colourings: int = 1, together: int = 1
    ) -> None:
        """Makes every entry once."""
        self.count, self.make, self.rng = count, make, rng
        self._order, self._next, self._due = rng.permutation(count * colourings), 0, 0
        self.together = min(together, len(self._order))
        first = make(self._order[:1] % count, rng)
        self.columns = {key: column.repeat_interleave(len(self._order), 0) for key, column in first.items()}
        at_once = max(AT_ONCE, together)
        for start in range(0, len(self._order), at_once):
            self._make_anew(min(at_once, len(self._order) - start))

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._order)

    def refresh(self, count: int) -> None:
        """Has the next entries made anew, once enough of them are due; each has its turn."""
        self._due += count
        if self._due >= self.together:
            self._make_anew(self._due)
            self._due = 0

    def _make_anew(self, count: int) -> None:
        entries = np.take(self._order, np.arange(self._next, self._next + count), mode="wrap")
        self._next = (self._next + count) % len(self._order)
        at = torch.from_numpy(entries)
        for key, column in self.make(entries % self.count, self.rng).items():
            self.columns[key][at.to(column.device)] = column

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Numbers of random entries [count]."""
        return torch.randint(len(self), (count,), generator=rng, device=rng.device)


def coloured(scenes: Scenes, rng: np.random.Generator) -> tuple[Tensor, list[Draw]]:
    """Pictures uint8 [scene,128,128,3] of scenes coloured at random, and what was drawn of each."""
    drawn = [draw(CLASSES[name], rng) for name in scenes.name.tolist()]
    coords = coordinates(scenes.ids, scenes.planes)
    return colour(scenes.ids, coords, scenes.shading.float(), stack(drawn, scenes.ids.device)), drawn


def pictures_of(scenes: Scenes) -> Make:
    """Makes ``picture`` uint8 [n,128,128,3] and ``colour`` [n], an index into COLOURS."""

    def make(some: np.ndarray, rng: np.random.Generator) -> dict[str, Tensor]:
        pictures, drawn = coloured(scenes[torch.from_numpy(some)], rng)
        colours = torch.tensor([COLOURS.index(d.colour) for d in drawn], device=pictures.device)
        return {"picture": pictures, "colour": colours}

    return make


def latents_of(scenes: Scenes, vae: AutoencoderKL, tokenizer: CLIPTokenizer, told: float) -> Make:
    """Makes scaled ``latent`` [n,4,16,16], half of them of mirrored pictures, and ``words`` [n,LENGTH].

    A share ``told`` of captions may tell size, place and light (`studio.captions`); the others are prompts.
    """
    tellable = tell(scenes)

    @torch.no_grad()
    def make(some: np.ndarray, rng: np.random.Generator) -> dict[str, Tensor]:
        pictures, drawn = coloured(scenes[torch.from_numpy(some)], rng)
        mirrored, tells = rng.random(len(some)) < 0.5, rng.random(len(some)) < told
        captions = []
        for i, d, flip, says in zip(some, drawn, mirrored, tells, strict=True):
            shown = tellable[i].mirrored() if flip else tellable[i]
            silent = (d.name, d.colour, d.floor, d.wall, rng)
            captions.append(caption(d, shown, rng) if says else prompt(*silent))
        flips = torch.from_numpy(mirrored).to(pictures.device)[:, None, None, None]
        x = to_input(torch.where(flips, pictures.flip(2), pictures))
        with torch.autocast(x.device.type, enabled=False):
            latent = vae.encode(x).latent_dist.mean * vae.config["scaling_factor"]
        return {"latent": latent, "words": token_ids(tokenizer, captions).to(x.device)}

    return make


def to_input(pictures: Tensor) -> Tensor:
    """uint8 [picture, height, width, 3] to float32 [picture, 3, height, width] in -1..1."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def token_ids(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Token ids [caption,LENGTH]."""
    found: Tensor = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return found

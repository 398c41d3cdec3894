"""Latents of coloured scenes to train the denoiser on, of which some are always coloured anew.

To colour and encode a picture costs about as much as to train on it once, so each colouring serves for a few
updates: a pool holds some colourings of every scene, and a few of them are replaced before every batch.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from studio.autoencoder import to_input
from studio.captions import caption, tell
from studio.colour import colour, coordinates, stack
from studio.compose import Draw, draw
from studio.scenes import Scenes
from studio.world import CLASSES, prompt

AT_ONCE = 64  # pictures


def coloured(scenes: Scenes, rng: np.random.Generator) -> tuple[Tensor, list[Draw]]:
    """Pictures uint8 [scene,128,128,3] of scenes coloured at random, and what was drawn of each."""
    drawn = [draw(CLASSES[name], rng) for name in scenes.name.tolist()]
    coords = coordinates(scenes.ids, scenes.planes)
    return colour(scenes.ids, coords, scenes.shading.float(), stack(drawn, scenes.ids.device)), drawn


class Pool:
    """``colourings`` of each scene: scaled latents, half of them of mirrored pictures, and captions.

    A share ``told`` of captions may tell size, place and light (`studio.captions`); the others are prompts.
    ``latents`` [entry,4,16,16]; ``words`` int64 [entry,LENGTH] token ids; ``name`` int64 [entry], an index
    into CLASSES.
    """

    def __init__(
        self,
        scenes: Scenes,
        vae: AutoencoderKL,
        tokenizer: CLIPTokenizer,
        rng: np.random.Generator,
        colourings: int = 1,
        told: float = 0.0,
    ) -> None:
        """Colours and encodes everything once."""
        self.scenes, self.vae, self.tokenizer, self.told = scenes, vae, tokenizer, told
        self._tell = tell(scenes)
        self._order, self._next = rng.permutation(colourings * len(scenes)), 0
        self.name = scenes.name.repeat(colourings)
        self.latents, self.words = self._make(self._order[:1], rng)
        self.latents = self.latents.repeat(len(self._order), 1, 1, 1)
        self.words = self.words.repeat(len(self._order), 1)
        for start in range(0, len(self._order), AT_ONCE):
            self.refresh(min(AT_ONCE, len(self._order) - start), rng)

    def refresh(self, count: int, rng: np.random.Generator) -> None:
        """Colours the next entries anew; each has its turn."""
        if count:
            entries = np.take(self._order, np.arange(self._next, self._next + count), mode="wrap")
            self._next = (self._next + count) % len(self._order)
            at = torch.from_numpy(entries)
            self.latents[at], self.words[at] = self._make(entries, rng)

    @torch.no_grad()
    def _make(self, entries: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        some = entries % len(self.scenes)
        pictures, drawn = coloured(self.scenes[torch.from_numpy(some)], rng)
        mirrored, tells = rng.random(len(some)) < 0.5, rng.random(len(some)) < self.told
        captions = []
        for i, d, flip, told in zip(some, drawn, mirrored, tells, strict=True):
            of = self._tell[i].mirrored() if flip else self._tell[i]
            captions.append(caption(d, of, rng) if told else prompt(d.name, d.colour, d.floor, d.wall, rng))
        flips = torch.from_numpy(mirrored).to(pictures.device)[:, None, None, None]
        x = to_input(torch.where(flips, pictures.flip(2), pictures)).to(self.vae.device)
        return self.vae.encode(x).latent_dist.mean * self.vae.config["scaling_factor"], self.ids(captions)

    def ids(self, captions: list[str]) -> Tensor:
        """Token ids [caption,LENGTH]."""
        found: Tensor = self.tokenizer(
            captions, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        return found

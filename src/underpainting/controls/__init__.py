"""Competitors: position alone, probes fitted to other pictures' labels, probes of the latents themselves."""

from underpainting.controls.latents import KINDS, latent_layers, latent_tokens
from underpainting.controls.network import LatentReader, load_reader, save_reader, train_reader
from underpainting.controls.position import position_map, without_position
from underpainting.controls.shuffle import shuffled

__all__ = [
    "KINDS",
    "LatentReader",
    "latent_layers",
    "latent_tokens",
    "load_reader",
    "position_map",
    "save_reader",
    "shuffled",
    "train_reader",
    "without_position",
]

"""Competitors: position alone, probes fitted to other pictures' labels, probes of the latents themselves."""

from underpainting.controls.latents import KINDS, latent_layers, latent_tokens
from underpainting.controls.position import position_map, without_position
from underpainting.controls.shuffle import shuffled

__all__ = ["KINDS", "latent_layers", "latent_tokens", "position_map", "shuffled", "without_position"]

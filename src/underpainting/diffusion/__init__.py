"""Run a diffusers pipeline and look on from outside: layers, steps, edits, decoded pictures."""

from underpainting.diffusion.adapters import Adapter, register_adapter
from underpainting.diffusion.begin import Begin
from underpainting.diffusion.evaluations import Evaluation
from underpainting.diffusion.layers import Layer
from underpainting.diffusion.loading import attach, load
from underpainting.diffusion.loop import Denoised
from underpainting.diffusion.model import Model
from underpainting.diffusion.pausing import Paused, paused_together
from underpainting.diffusion.tokens import TextTokens
from underpainting.diffusion.watching import ActivationEdit, LatentEdit, StepRecord, Watching
from underpainting.diffusion.word_maps import WordMaps

__all__ = [
    "ActivationEdit",
    "Adapter",
    "Begin",
    "Denoised",
    "Evaluation",
    "LatentEdit",
    "Layer",
    "Model",
    "Paused",
    "StepRecord",
    "TextTokens",
    "Watching",
    "WordMaps",
    "attach",
    "load",
    "paused_together",
    "register_adapter",
]

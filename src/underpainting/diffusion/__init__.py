"""Run a diffusers pipeline and look on from outside: layers, steps, edits, decoded pictures."""

from underpainting.diffusion.layers import Layer
from underpainting.diffusion.loading import attach, load
from underpainting.diffusion.model import Denoised, Model
from underpainting.diffusion.schedulers import use_scheduler
from underpainting.diffusion.watch import StepRecord

__all__ = ["Denoised", "Layer", "Model", "StepRecord", "attach", "load", "use_scheduler"]

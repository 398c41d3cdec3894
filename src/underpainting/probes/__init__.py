"""Linear probes on arrays: moments, solving, scoring; and probe sets on disk. No diffusers, no study."""

from underpainting.probes.baselines import TwoLayerProbe, train_gradient_probe, train_two_layer_probe
from underpainting.probes.erasure import Eraser, erasing
from underpainting.probes.files import Best, Entry, Key, ProbeSet
from underpainting.probes.fitted import FittedProbe, fit
from underpainting.probes.metrics import (
    average_precision,
    best_threshold,
    ceiling,
    dice,
    pearson,
    rmse,
    spearman,
)
from underpainting.probes.moments import Moments, TokenMeans, load_sums, moments_bytes, save_sums
from underpainting.probes.patches import Patches, cell_means, enlarge, pixel_ranks
from underpainting.probes.probe import Probe
from underpainting.probes.published import import_published
from underpainting.probes.score import THRESHOLDS, Scorer, dice_curve
from underpainting.probes.solve import ridge

__all__ = [
    "THRESHOLDS",
    "Best",
    "Entry",
    "Eraser",
    "FittedProbe",
    "Key",
    "Moments",
    "Patches",
    "Probe",
    "ProbeSet",
    "Scorer",
    "TokenMeans",
    "TwoLayerProbe",
    "average_precision",
    "best_threshold",
    "ceiling",
    "cell_means",
    "dice",
    "dice_curve",
    "enlarge",
    "erasing",
    "fit",
    "import_published",
    "load_sums",
    "moments_bytes",
    "pearson",
    "pixel_ranks",
    "ridge",
    "rmse",
    "save_sums",
    "spearman",
    "train_gradient_probe",
    "train_two_layer_probe",
]

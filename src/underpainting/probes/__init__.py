"""Linear probes on arrays: moments, solving, probe sets, exact metrics. No diffusers, no study."""

from underpainting.probes.fitting import FittedProbe, fit
from underpainting.probes.gradient import gradient_scores, train_gradient_probe
from underpainting.probes.metrics import (
    BINARY,
    CONTINUOUS,
    average_precision,
    best_threshold,
    ceiling,
    dice,
    pearson,
    rmse,
    score,
    spearman,
)
from underpainting.probes.moments import Moments, TokenMeans, load_sums, moments_bytes, save_sums
from underpainting.probes.nonlinear import TwoLayerProbe, train_two_layer_probe
from underpainting.probes.patches import Patches, cell_means, enlarge, pixel_ranks
from underpainting.probes.probe import Best, Entry, Key, Probe, ProbeLayer, ProbeSet
from underpainting.probes.published import import_published
from underpainting.probes.solve import Solution, discriminant, ridge

__all__ = [
    "BINARY",
    "CONTINUOUS",
    "Best",
    "Entry",
    "FittedProbe",
    "Key",
    "Moments",
    "Patches",
    "Probe",
    "ProbeLayer",
    "ProbeSet",
    "Solution",
    "TokenMeans",
    "TwoLayerProbe",
    "average_precision",
    "best_threshold",
    "ceiling",
    "cell_means",
    "dice",
    "discriminant",
    "enlarge",
    "fit",
    "gradient_scores",
    "import_published",
    "load_sums",
    "moments_bytes",
    "pearson",
    "pixel_ranks",
    "ridge",
    "rmse",
    "save_sums",
    "score",
    "spearman",
    "train_gradient_probe",
    "train_two_layer_probe",
]

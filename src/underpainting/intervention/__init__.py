"""Acting on it: targets, directions through probes, changes of activations."""

from underpainting.intervention.changes import (
    Change,
    Place,
    along_others,
    by_adam,
    carried,
    editing,
    rotated,
    through_probes,
)
from underpainting.intervention.directions import Direction, by_gradient, changed, direction_of
from underpainting.intervention.masks import fit_mask, read_mask
from underpainting.intervention.moves import STAY, Move, warp, warp_tokens
from underpainting.intervention.plan import EDIT_OF_MOVES, EDIT_OF_TARGETS, Plan, make_plan

__all__ = [
    "EDIT_OF_MOVES",
    "EDIT_OF_TARGETS",
    "STAY",
    "Change",
    "Direction",
    "Move",
    "Place",
    "Plan",
    "along_others",
    "by_adam",
    "by_gradient",
    "carried",
    "changed",
    "direction_of",
    "editing",
    "fit_mask",
    "make_plan",
    "read_mask",
    "rotated",
    "through_probes",
    "warp",
    "warp_tokens",
]

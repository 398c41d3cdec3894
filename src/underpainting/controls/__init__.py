"""Competitors that should not know: position alone, and probes fitted to other pictures' labels."""

from underpainting.controls.position import position_map, without_position
from underpainting.controls.shuffle import shuffled

__all__ = ["position_map", "shuffled", "without_position"]

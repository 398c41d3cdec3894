"""The words of the house, written once and imported everywhere; it imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass

Grid = tuple[int, int]
"""Rows and columns of tokens."""


@dataclass(frozen=True)
class ProbeLayer:
    """What probes read: tokens of so many channels on a grid (rows, columns), by a short name."""

    name: str
    grid: Grid
    channels: int

"""Latents as some pipelines have them: a sequence of tokens, each a patch of the grid."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Packing:
    """Tokens of patch x patch latents each.

    channels_last: whether a token has its cells in turn, each with all channels, rather than its channels in
    turn, each with all cells.
    """

    patch: int = 2
    channels_last: bool = False

    def pack(self, latents: torch.Tensor) -> torch.Tensor:
        """Tokens [picture, token, number] of latents [picture, channel, h, w]."""
        pictures, channels, height, width = latents.shape
        p = self.patch
        cells = latents.reshape(pictures, channels, height // p, p, width // p, p)
        order = (0, 2, 4, 3, 5, 1) if self.channels_last else (0, 2, 4, 1, 3, 5)
        return cells.permute(order).reshape(pictures, height // p * (width // p), channels * p * p)

    def unpack(self, tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """Latents [picture, channel, h, w] of tokens [picture, token, number]; grid: (h, w)."""
        p, (height, width) = self.patch, grid
        channels = tokens.shape[2] // (p * p)
        inner = (p, p, channels) if self.channels_last else (channels, p, p)
        cells = tokens.reshape(len(tokens), height // p, width // p, *inner)
        order = (0, 5, 1, 3, 2, 4) if self.channels_last else (0, 3, 1, 4, 2, 5)
        return cells.permute(order).reshape(len(tokens), channels, height, width)

"""The picture's tokens in what a module gives: seen as a view of it, and put back."""

from typing import Any

import torch

from underpainting.diffusion.adapters.base import Where
from underpainting.diffusion.layers import Layer
from underpainting.errors import UnderpaintingError


class PictureTokens:
    """Of a family whose layers may give one sequence of text and picture."""

    def __init__(self, where: Where | None) -> None:
        """Where the picture's tokens are in such a sequence."""
        self._where = where
        self._starts: list[int] = []

    def hear(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        """Before each call of the network: where each row's picture begins."""
        if self._where == "after its text":
            self._starts = kwargs["encoder_attention_mask"].sum(1).tolist()

    def of(self, output: Any, layer: Layer) -> torch.Tensor:
        """[row, token, channel] of an output, of a grid's cells, or of the picture's part of a sequence."""
        tokens = _as_tokens(_tensor(output, layer), layer)
        if tokens.shape[1] <= layer.tokens or self._where is None:
            return tokens
        starts = self._rows(tokens, layer)
        if len(set(starts)) == 1:
            return tokens[:, starts[0] : starts[0] + layer.tokens]
        return torch.stack(
            [row[start : start + layer.tokens] for row, start in zip(tokens, starts, strict=True)]
        )

    def put(self, output: Any, layer: Layer, picture: torch.Tensor) -> Any:
        """An output with other tokens of the picture in the place of its own."""
        given = _tensor(output, layer)
        tokens = _as_tokens(given, layer)
        if tokens.shape[1] != layer.tokens:
            own, tokens = tokens, tokens.clone()
            for i, start in enumerate(self._rows(own, layer)):
                tokens[i, start : start + layer.tokens] = picture[i]
            picture = tokens
        if given.ndim == 4 and not _has_heads(given, layer):
            picture = picture.transpose(1, 2)
        changed = picture.reshape(given.shape)
        if isinstance(output, torch.Tensor):
            return changed
        several = [changed if i == layer.output else of for i, of in enumerate(output)]
        return type(output)(several)

    def _rows(self, tokens: torch.Tensor, layer: Layer) -> list[int]:
        """Where the picture's tokens begin, row by row."""
        if self._where == "after its text":
            return self._starts
        return [0 if self._where == "first" else tokens.shape[1] - layer.tokens] * len(tokens)


def _tensor(output: Any, layer: Layer) -> torch.Tensor:
    if isinstance(output, list | tuple) and layer.output < len(output):
        output = output[layer.output]
    if isinstance(output, torch.Tensor) and output.ndim in (3, 4):
        return output
    raise UnderpaintingError(
        f"layer {layer.name} does not give one tensor of tokens or of a grid: watch a module inside it"
    )


def _as_tokens(output: torch.Tensor, layer: Layer) -> torch.Tensor:
    """[row, token, channel] of tokens, of a convolution's [row, channel, h, w], or of heads apart."""
    if output.ndim == 3:
        return output
    return output.flatten(2) if _has_heads(output, layer) else output.flatten(2).transpose(1, 2)


def _has_heads(output: torch.Tensor, layer: Layer) -> bool:
    """Whether a tensor of four dimensions is [row, token, head, channel], and no grid of its own."""
    return tuple(output.shape[2:]) != layer.grid and output.shape[2] * output.shape[3] == layer.channels

"""A preview shows the colours of latents whose colours are known."""

import torch

from underpainting.page.colouring import fit_colouring


def test_where_colour_is_linear_in_the_latents_it_is_shown_as_it_is() -> None:
    generator = torch.Generator().manual_seed(0)
    cells = torch.rand(6, 3, 8, 8, generator=generator) * 0.8 + 0.1
    mixing = torch.randn(4, 3, generator=generator)
    latents = torch.einsum("lc,pchw->plhw", mixing, cells) + 0.3
    pictures = cells.repeat_interleave(4, 2).repeat_interleave(4, 3)
    colouring = fit_colouring(latents[:5], pictures[:5])
    shown = colouring(latents[5])
    assert shown.dtype == torch.uint8 and shown.shape == (8, 8, 3)
    assert (shown.permute(2, 0, 1).float() / 255 - cells[5]).abs().max() < 0.02

"""The latents' decoder's self-attention, against a hook on the whole decoder."""

from types import SimpleNamespace

import torch
from diffusers import AutoencoderKL

from underpainting.diffusion import Model
from underpainting.diffusion.adapters.unet import UNetAdapter


def test_tokens_are_those_of_a_whole_decoding(model: Model) -> None:
    latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    seen: list[torch.Tensor] = []
    attention = model.pipe.vae.decoder.mid_block.attentions[0]
    hook = attention.to_out[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    model.decode(latents)
    hook.remove()
    tokens = model.decoder_tokens(latents)
    assert tokens.shape == (2, 256, model.decoder_channels)
    torch.testing.assert_close(tokens, seen[0])
    assert not attention.to_out[0]._forward_hooks


def test_a_decoder_without_attention_has_none() -> None:
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, mid_block_add_attention=False)
    assert UNetAdapter().decoder_channels(SimpleNamespace(vae=vae)) is None

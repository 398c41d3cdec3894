"""What a pipeline's own text encoders make of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from underpainting.diffusion.stored import device_of
from underpainting.errors import UnderpaintingError

NUMBERED = ("", "_2", "_3", "_4")


@torch.no_grad()
def prompt_embeddings(pipe: Any, prompts: Sequence[str]) -> torch.Tensor:
    """Embeddings [prompt, number], float32 on the CPU, of prompts, without a network that denoises.

    Of each text encoder the mean of the last hidden states over a prompt's own tokens, side by side. Raises
    UnderpaintingError where the pipeline has no tokenizer with a text encoder, or one that gives no such
    states.
    """
    parts = []
    for number in NUMBERED:
        tokenizer = getattr(pipe, f"tokenizer{number}", None)
        encoder = getattr(pipe, f"text_encoder{number}", None)
        if tokenizer is not None and encoder is not None:
            tokens = tokenizer(list(prompts), padding="max_length", truncation=True, return_tensors="pt")
            device = device_of(pipe, encoder)
            mask = tokens.attention_mask.to(device)
            states = encoder(tokens.input_ids.to(device), attention_mask=mask, return_dict=True)
            hidden = getattr(states, "last_hidden_state", None)
            if not isinstance(hidden, torch.Tensor) or hidden.ndim != 3:
                raise UnderpaintingError(
                    f"{type(encoder).__name__} gives no last hidden states: leave out control prompt"
                )
            own = mask[..., None].float()
            parts.append((hidden.float() * own).sum(1) / own.sum(1))
    if not parts:
        raise UnderpaintingError(
            f"{type(pipe).__name__} has no text encoder with a tokenizer: leave out control prompt"
        )
    return torch.cat([part.cpu() for part in parts], dim=1)

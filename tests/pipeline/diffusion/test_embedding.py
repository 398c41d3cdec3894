"""What a prompt is to a pipeline's own text encoders."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import StableDiffusionPipeline

from underpainting.diffusion.embedding import prompt_embeddings
from underpainting.errors import UnderpaintingError


def test_a_prompt_is_the_mean_of_its_own_tokens(pipe: StableDiffusionPipeline) -> None:
    prompts = ["a mug", "a small red mug on a table"]
    together = prompt_embeddings(pipe, prompts)
    states, _ = pipe.encode_prompt(prompts, torch.device("cpu"), 1, False)
    for prompt, state, embedding in zip(prompts, states, together, strict=True):
        own = len(pipe.tokenizer(prompt, truncation=True).input_ids)
        torch.testing.assert_close(embedding, state[:own].mean(0), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(embedding, prompt_embeddings(pipe, [prompt])[0], atol=1e-4, rtol=1e-4)


def test_a_pipeline_without_text_is_one_line() -> None:
    with pytest.raises(UnderpaintingError, match="has no text encoder with a tokenizer"):
        prompt_embeddings(SimpleNamespace(), ["a mug"])

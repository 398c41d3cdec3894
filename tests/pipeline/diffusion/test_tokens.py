"""What text encoders would be given is what the pipeline's own call gives them; none is run for it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.pipeline.families import FAMILIES, latent_consistency, stable_diffusion_3
from underpainting.diffusion import Model, attach

PROMPTS = ["a red mug", "A  Red mug", "b" * 60, "c " * 320 + "x", "c " * 320 + "y"]
MAKERS = {**FAMILIES, "stable diffusion 3": stable_diffusion_3, "latent consistency": latent_consistency}


def given_in_a_run(model: Model, prompt: str) -> list[tuple[int, ...]]:
    """The ids that each text encoder is called with when a picture of a prompt is made."""
    seen: list[tuple[int, ...]] = []

    def hook(module: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        ids = inputs[0] if inputs else options["input_ids"]
        seen.append(tuple(ids[0].tolist()))

    encoders = [part for name, part in model.pipe.components.items() if name.startswith("text_encoder")]
    handles = [part.register_forward_pre_hook(hook, with_kwargs=True) for part in encoders]
    model.denoise([prompt], [1], steps=2, guidance_scale=1.0, stop_after=1)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("family", MAKERS)
def test_tokens_are_those_of_a_run(family: str, tmp_path: Path) -> None:
    model = attach(MAKERS[family](tmp_path))
    calls = dict(model.pipe.__dict__)
    state = torch.get_rng_state()
    ran: list[Any] = []
    for name, part in model.pipe.components.items():
        if name.startswith("text_encoder"):
            part.register_forward_hook(lambda *_: ran.append(1))
    tokens = model.text_tokens(PROMPTS)
    assert not ran and model.pipe.__dict__ == calls and torch.equal(torch.get_rng_state(), state)
    for prompt in (PROMPTS[0], PROMPTS[3]):
        assert list(tokens[PROMPTS.index(prompt)].ids) == given_in_a_run(model, prompt)
    assert tokens[3].ids == tokens[4].ids and tokens[0].ids != tokens[2].ids
    assert [one.is_cut for one in tokens] == [False, False, False, True, True]
    assert tokens[3].limit == max(map(len, tokens[3].ids))


def test_encoders_that_fail_without_weights_and_none_at_all(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = model.text_tokens(PROMPTS)
    monkeypatch.setattr(type(model.pipe), "encode_prompt", None)
    for one, other in zip(model.text_tokens(PROMPTS), expected, strict=True):
        ids = one.ids[0]
        assert (ids, one.limit, one.is_cut) == (other.ids[0][: len(ids)], other.limit, other.is_cut)
    monkeypatch.setitem(model.pipe.__dict__, "tokenizer", None)
    plain = model.text_tokens(PROMPTS)
    assert len({one.ids for one in plain}) == len(PROMPTS) and not any(one.is_cut for one in plain)

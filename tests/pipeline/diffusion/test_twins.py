"""Untrained twins: what is kept, what is not, and that they run like any model."""

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from underpainting.diffusion import Model, load
from underpainting.diffusion.fingerprint import differences
from underpainting.errors import UnderpaintingError


@pytest.fixture(scope="module")
def saved(session_pipeline: StableDiffusionPipeline, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("twins") / "tiny"
    session_pipeline.save_pretrained(folder)
    return str(folder)


def parameters(model: Model) -> dict[str, torch.Tensor]:
    return dict(model.pipe.unet.named_parameters())


def test_permuted_keeps_every_weights_values_and_every_bias(saved: str, model: Model) -> None:
    trained, twin = parameters(model), parameters(load(f"{saved}:permuted"))
    assert trained.keys() == twin.keys()
    moved = 0
    for name, tensor in trained.items():
        if name.endswith("weight"):
            assert torch.equal(tensor.flatten().sort().values, twin[name].flatten().sort().values)
            moved += not torch.equal(tensor, twin[name])
        else:
            assert torch.equal(tensor, twin[name])
    assert moved > 100  # all but those whose entries are all alike, such as norms that were never trained


def test_fresh_has_other_weights_of_a_new_networks_size(saved: str, model: Model) -> None:
    trained, twin = parameters(model), parameters(load(f"{saved}:fresh"))
    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    assert not torch.equal(trained[name], twin[name])
    bound = trained[name].shape[1] ** -0.5  # of torch's own linear layers
    assert twin[name].abs().max() <= bound and twin[name].std() > bound / 4


@pytest.mark.parametrize("kind", ["permuted", "fresh"])
def test_a_twin_is_the_same_each_time_and_differs_only_in_the_denoiser(
    saved: str, model: Model, kind: str
) -> None:
    state = torch.get_rng_state()
    first, second = load(f"{saved}:{kind}"), load(f"{saved}:{kind}")
    assert torch.equal(torch.get_rng_state(), state)
    assert first.fingerprint() == second.fingerprint() and first.name == f"{saved}:{kind}"
    assert differences(model.fingerprint(), first.fingerprint()) == ["its unet's weights differ"]
    assert first.layers == model.layers


def test_a_twin_of_nothing_is_refused_as_the_model_would_be(tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError, match="model_index"):
        load(f"{tmp_path}:permuted")

"""One file makes a family known: a pipeline that is none of diffusers', without latents, text or guidance."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline, ImagePipelineOutput, ModelMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config

import underpainting
from underpainting.diffusion import Adapter, StepRecord, register_adapter
from underpainting.diffusion.adapters import registry
from underpainting.errors import UnderpaintingError

SIDE = 8
PROMPTS, SEEDS = ["a mug", "two lemons"], [1, 2]


class ToyNetwork(ModelMixin, ConfigMixin):
    """Reads every pixel as a token, twice."""

    @register_to_config
    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.mixers = torch.nn.ModuleList([torch.nn.Linear(3, width), torch.nn.Linear(width, 3)])

    def forward(self, picture: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        tokens = picture.flatten(2).transpose(1, 2) + words[:, None, None]
        for mixer in self.mixers:
            tokens = mixer(tokens).tanh()
        return tokens.transpose(1, 2).reshape(picture.shape)


class ToyPipeline(DiffusionPipeline):
    """Denoises pixels; all it knows of a prompt is how many words it has."""

    def __init__(self, network: ToyNetwork, scheduler: DDIMScheduler) -> None:
        super().__init__()
        self.register_modules(network=network, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        prompt: list[str],
        height: int = SIDE,
        width: int = SIDE,
        num_inference_steps: int = 3,
        guidance_scale: float = 1,
        generator: list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        output_type: str = "pt",
    ) -> ImagePipelineOutput:
        words = torch.tensor([len(text.split()) / 10 for text in prompt])
        x = latents
        if x is None:
            x = torch.stack([torch.randn(3, height, width, generator=own) for own in generator or []])
        self.scheduler.set_timesteps(num_inference_steps)
        for timestep in self.progress_bar(self.scheduler.timesteps):
            x = self.scheduler.step(self.network(x, words), timestep, x, return_dict=False)[0]
        return ImagePipelineOutput(x)


class ToyAdapter(Adapter):
    """All that is to be known of it."""

    part = "network"

    def accepts(self, pipe: Any) -> bool:
        return type(pipe).__name__ == "ToyPipeline"

    def default_size(self, pipe: Any) -> tuple[int, int]:
        return SIDE, SIDE

    def layers(self, denoiser: torch.nn.Module) -> dict[str, dict[str, str]]:
        return {"self-attention": {"mixer.0": "mixers.0", "mixer.1": "mixers.1"}}

    def latents(self, pipe: Any, size: tuple[int, int]) -> tuple[int, int, int]:
        return 3, *size

    def encode(self, pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
        return pictures * 2 - 1

    def decoder_channels(self, pipe: Any) -> None:
        return None

    def decode(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        return (latents / 2 + 0.5).clamp(0, 1)


@pytest.fixture
def toy() -> ToyPipeline:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipe = ToyPipeline(ToyNetwork(), DDIMScheduler(clip_sample=False))
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Families are what they were after the test."""
    monkeypatch.setattr(registry, "ADAPTERS", dict(registry.ADAPTERS))
    yield


@pytest.fixture
def installed(known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that makes the toy known by an entry point."""
    (tmp_path / "toy_family.py").write_text(
        "from underpainting.diffusion import register_adapter\n"
        "from tests.pipeline.diffusion.test_toy_adapter import ToyAdapter\n"
        'register_adapter("toy", ToyAdapter())\n'
    )
    about = tmp_path / "toy_family-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[underpainting.adapters]\ntoy = toy_family\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_family", raising=False)


def test_a_pipeline_of_no_known_family_is_refused(toy: ToyPipeline) -> None:
    with pytest.raises(UnderpaintingError, match="no adapter for ToyPipeline"):
        underpainting.attach(toy)


@pytest.mark.usefixtures("known")
def test_registering_its_adapter_is_all_that_a_family_needs(toy: ToyPipeline) -> None:
    register_adapter("toy", ToyAdapter())
    model = underpainting.attach(toy)
    assert [(layer.name, layer.grid, layer.channels) for layer in model.layers] == [
        ("mixer.0", (SIDE, SIDE), 6),
        ("mixer.1", (SIDE, SIDE), 3),
    ]
    bare = toy(PROMPTS, generator=[torch.Generator().manual_seed(seed) for seed in SEEDS]).images
    records: list[StepRecord] = []
    made = model.denoise(PROMPTS, SEEDS, steps=3, watch=["self-attention"], on_step=records.append)
    assert torch.equal(made.latents, bare)
    assert [record.step for record in records] == [1, 2, 3]
    x, words = records[0].latents, torch.tensor([0.2, 0.2])
    expected = toy.network.mixers[0](x.flatten(2).transpose(1, 2) + words[:, None, None])
    assert torch.equal(records[0].activations["mixer.0"]["conditional"], expected)
    pictures = model.decode(made.latents)
    model.look(pictures, PROMPTS, SEEDS, steps=3, watch=["mixer.1"], on_step=records.append)
    assert len(records) == 6 and pictures.shape == (2, 3, SIDE, SIDE)


@pytest.mark.usefixtures("installed")
def test_an_installed_package_makes_a_family_known(
    toy: ToyPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusers, "ToyPipeline", ToyPipeline, raising=False)
    monkeypatch.setattr(diffusers, "ToyNetwork", ToyNetwork, raising=False)
    toy.register_to_config(network=("diffusers", "ToyNetwork"))
    toy.save_pretrained(tmp_path / "toy")
    model = underpainting.load(tmp_path / "toy")
    assert [layer.name for layer in model.layers] == ["mixer.0", "mixer.1"]
    assert torch.equal(
        model.denoise(PROMPTS, SEEDS, steps=2).latents,
        underpainting.attach(toy).denoise(PROMPTS, SEEDS, steps=2).latents,
    )


@pytest.mark.usefixtures("known")
def test_a_name_is_given_once(toy: ToyPipeline) -> None:
    register_adapter("toy", ToyAdapter())
    with pytest.raises(UnderpaintingError, match="there is an adapter named toy: give yours another name"):
        register_adapter("toy", ToyAdapter())


def test_a_package_that_cannot_be_imported_is_named(
    toy: ToyPipeline, installed: None, tmp_path: Path
) -> None:
    (tmp_path / "toy_family.py").write_text("import nowhere_at_all\n")
    with pytest.raises(UnderpaintingError, match=r"adapter toy \(toy_family\) cannot be imported: .*nowhere"):
        underpainting.attach(toy)

"""TRACER on random weights of its real layouts: saved and loaded as the original's checkpoints are."""

import copy
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators import load_estimator
from underpainting.observers.estimators.tracer import (
    EDGES,
    TE5,
    TE7,
    TracerEstimator,
    build,
    high_frequencies,
    load_tracer,
)
from underpainting.weights import SavedModel

pytest.importorskip("carvekit", reason="pip install --no-deps carvekit")
SMALL = replace(TE5, side=128)  # less than that has no frequencies that make edges


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """TE-5 with random weights whose norms have seen some noise, so that its maps vary.

    It computes in float64, where no kernel's last digits are seen; its weights are float32 numbers.
    """
    torch.manual_seed(0)
    made = build(TE5).double()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        made.train()(torch.rand(3, 3, 128, 128, dtype=torch.float64))
    return made.eval().float().double()


@pytest.fixture(scope="module")
def checkpoint(network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights under the original's names, as a data-parallel network saves them."""
    path = tmp_path_factory.mktemp("tracer") / "TRACER-Efficient-5.pth"
    weights = copy.deepcopy(network).float().state_dict().items()
    torch.save({"module." + name.replace("encoder.", "model."): of for name, of in weights}, path)
    return path


def test_the_originals_checkpoint_loads_whole(network: torch.nn.Module, checkpoint: Path) -> None:
    assert sum(EDGES in name for name in network.state_dict()) == 80
    estimator = load_tracer(SMALL, SavedModel("tracer", checkpoint))
    loaded = estimator.network.double()
    x = torch.rand(2, 3, 128, 128, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        maps = network(x)
        torch.testing.assert_close(loaded(x), maps, rtol=0, atol=1e-9)
        torch.testing.assert_close(loaded(x[1:]), maps[1:], rtol=0, atol=1e-9)  # whatever the batch
    assert estimator.name == "tracer" and maps.shape == (2, 1, 128, 128)
    assert maps.flatten(1).std(1).min() > 0.05 and (maps[0] - maps[1]).abs().mean() > 0.05


def test_the_object_is_where_the_map_has_a_level_above_0() -> None:
    class FirstColour(torch.nn.Module):
        """A network whose map is the picture's red, as it was before it was normalised."""

        def __init__(self) -> None:
            super().__init__()
            self.colour = torch.nn.Conv2d(3, 1, 1)
            self.colour.weight.data = torch.tensor([0.229, 0.0, 0.0]).reshape(1, 3, 1, 1)
            self.colour.bias.data = torch.tensor([0.485])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[2:] == (SMALL.side, SMALL.side)
            return self.colour(x)

    estimator = TracerEstimator(FirstColour(), SMALL)
    levels = torch.tensor([0.0, 0.9, 1.1, 1.9, 254.9])
    pictures = torch.rand(5, 3, 48, 80, generator=torch.Generator().manual_seed(3))
    pictures[:, 0] = levels.reshape(5, 1, 1) / 255
    found = estimator(pictures)["saliency"]
    assert torch.equal(found, (levels > 1).float().reshape(5, 1, 1).expand(5, 48, 80))
    pictures[0, 0, :, 40:] = 1  # the object at the right, found there in the picture's own size
    half = estimator(pictures[:1])["saliency"][0]
    assert not half[:, :38].any() and half[:, 42:].all()


def test_edges_are_added_to_the_first_features(network: torch.nn.Module) -> None:
    x = torch.rand(1, 3, 128, 128, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    seen = []
    module = network.get_submodule(f"encoder.{EDGES}")
    hook = module.register_forward_hook(lambda module, given, out: seen.append((given[0], out)))
    with torch.no_grad():
        features = network.get_submodule("encoder")(x)
    hook.remove()
    ((before, after),) = seen
    edges = after - before
    assert torch.equal(features[0], after) and [of.shape[1] for of in features] == list(TE5.channels)
    assert [of.shape[2] for of in features] == [32, 16, 8, 4]
    torch.testing.assert_close(edges, edges[:, :1].expand_as(edges), atol=1e-9, rtol=0)  # one map for all
    assert (edges > -1e-9).all() and edges.max() > 1e-3


def test_high_frequencies_are_the_originals() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 40, 40)).astype(np.float32)
    waves = np.fft.fftshift(np.fft.fft2(x))  # over all dimensions, as torch.fft.fftshift does by default
    keep = np.ones((40, 40))
    for i in range(40):
        for j in range(40):
            if np.sqrt((i - 20) ** 2 + (j - 20) ** 2) < 16:
                keep[i, j] = 0
    expected = np.abs(np.fft.ifft2(np.fft.ifftshift(waves * keep)))
    np.testing.assert_allclose(high_frequencies(torch.from_numpy(x)).numpy(), expected, atol=1e-4)


def test_te7_is_carvekits_own_network(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    from carvekit.ml.arch.tracerb7.efficientnet import EfficientEncoderB7
    from carvekit.ml.arch.tracerb7.tracer import TracerDecoder

    torch.set_rng_state(state)
    theirs = TracerDecoder(EfficientEncoderB7()).eval()
    weights = {**theirs.state_dict(), f"encoder.{EDGES}.conv.conv.weight": torch.zeros(1)}
    torch.save(weights, tmp_path / "tracer_b7.pth")
    mine = load_tracer(replace(TE7, side=64), SavedModel("tracer-te7", tmp_path / "tracer_b7.pth")).network
    x = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(mine.double()(x), theirs.double()(x), rtol=0, atol=1e-9)


def test_the_global_random_state_is_the_callers(checkpoint: Path) -> None:
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    load_tracer(SMALL, SavedModel("tracer", checkpoint))(
        torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    )
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # type: ignore[index]


def test_wrong_checkpoints_are_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(words: str, layout: object = SMALL) -> None:
        with pytest.raises(UnderpaintingError, match=words):
            load_tracer(layout, SavedModel("tracer", path))  # type: ignore[arg-type]

    path = tmp_path / "x.pth"
    whole = checkpoint.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("no readable checkpoint of TRACER")
    path.write_bytes(whole)
    refused("is not of 'tracer-te7': .* weights differ", replace(TE7, side=64))
    state = torch.load(checkpoint, weights_only=True)
    torch.save({name: of for name, of in state.items() if EDGES not in name}, path)
    refused(f"is not of 'tracer': 80 weights differ, encoder.{EDGES}.DWConv1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(
        UnderpaintingError, match=r"tracer is not here .*: fetch it \(126 MB, Apache-2.0\) by `c"
    ):
        load_estimator("tracer,midas")

"""TRACER on random weights of its real layouts: saved and loaded as the original's checkpoints are."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators import load_estimator
from underpainting.observers.estimators.tracer import EDGES, TE5, TE7, build, high_frequencies, load_tracer

pytest.importorskip("carvekit", reason="pip install --no-deps carvekit")
SMALL = replace(TE5, side=64)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """TE-5 with random weights whose norms have seen some noise, so that its maps vary."""
    torch.manual_seed(0)
    made = build(TE5)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        made.train()(torch.rand(8, 3, 64, 64))
    return made.eval()


@pytest.fixture(scope="module")
def checkpoint(network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights under the original's names, as a data-parallel network saves them."""
    path = tmp_path_factory.mktemp("tracer") / "TRACER-Efficient-5.pth"
    weights = network.state_dict().items()
    torch.save({"module." + name.replace("encoder.", "model."): of for name, of in weights}, path)
    return path


def test_the_originals_checkpoint_loads_whole(network: torch.nn.Module, checkpoint: Path) -> None:
    assert sum(EDGES in name for name in network.state_dict()) == 80
    estimator = load_tracer(SMALL, checkpoint)
    pictures = torch.rand(2, 3, 48, 80, generator=torch.Generator().manual_seed(2))
    found = estimator(pictures)["saliency"]
    seen = torch.nn.functional.interpolate(pictures, (64, 64), mode="bilinear", align_corners=False)
    mean, std = (torch.tensor(of).reshape(3, 1, 1) for of in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        maps = network((seen - mean) / std)
    whole = torch.nn.functional.interpolate(maps, (48, 80), mode="bilinear", align_corners=False)[:, 0]
    levels = (whole.numpy() * 255).astype(np.uint8)
    np.testing.assert_array_equal(found.numpy(), (levels > 0).astype(np.float32))
    assert found.shape == (2, 48, 80) and 0.05 < found.mean() < 0.95 and estimator.name == "tracer"
    estimator.network.double()  # random networks magnify the last digits that a batch's size changes
    assert torch.equal(estimator(pictures[1:])["saliency"], estimator(pictures)["saliency"][1:])


def test_edges_are_added_to_the_first_features(network: torch.nn.Module) -> None:
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    seen = []
    module = network.get_submodule(f"encoder.{EDGES}")
    hook = module.register_forward_hook(lambda module, given, out: seen.append((given[0], out)))
    with torch.no_grad():
        features = network.get_submodule("encoder")(x)
    hook.remove()
    ((before, after),) = seen
    edges = after - before
    assert torch.equal(features[0], after) and [of.shape[1] for of in features] == list(TE5.channels)
    assert [of.shape[2] for of in features] == [16, 8, 4, 2]
    torch.testing.assert_close(edges, edges[:, :1].expand_as(edges), atol=1e-3, rtol=1e-3)  # one map for all
    assert (edges > -1e-3).all()


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
    mine = load_tracer(replace(TE7, side=64), tmp_path / "tracer_b7.pth").network
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(mine(x), theirs(x))


def test_the_global_random_state_is_the_callers(checkpoint: Path) -> None:
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    load_tracer(SMALL, checkpoint)(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # type: ignore[index]


def test_wrong_checkpoints_are_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(words: str, layout: object = SMALL) -> None:
        with pytest.raises(UnderpaintingError, match=words):
            load_tracer(layout, path)  # type: ignore[arg-type]

    path = tmp_path / "x.pth"
    refused(r"no weights of 'tracer' at .*: fetch them \(126 MB, Apache-2.0\) by `curl")
    whole = checkpoint.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("holds no weights that can be read")
    path.write_bytes(whole)
    refused("is not of 'tracer-te7': .* weights differ", replace(TE7, side=64))
    state = torch.load(checkpoint, weights_only=True)
    torch.save({name: of for name, of in state.items() if EDGES not in name}, path)
    refused(f"is not of 'tracer': 80 weights differ, encoder.{EDGES}.DWConv1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UnderpaintingError, match="no weights of 'tracer'"):
        load_estimator("tracer,midas")

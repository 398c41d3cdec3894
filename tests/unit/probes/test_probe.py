import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from underpainting.errors import UnderpaintingError
from underpainting.probes import (
    Best,
    Entry,
    Key,
    Probe,
    ProbeLayer,
    ProbeSet,
    enlarge,
    fit,
    gradient_scores,
    train_gradient_probe,
)


def small_set() -> ProbeSet:
    generator = torch.Generator().manual_seed(0)
    channels = {"mid.0": 5, "up.3.0": 3}
    entries = {
        Key(name, layer, step, "conditional"): Entry(
            torch.randn(size, generator=generator), float(step) / 4, 0.1, 0.5 if name == "saliency" else None
        )
        for name in ("saliency", "depth")
        for layer, size in channels.items()
        for step in (1, 2)
    }
    layers = (ProbeLayer("mid.0", (2, 2), 5), ProbeLayer("up.3.0", (8, 6), 3))
    best = {"saliency": Best("up.3.0", "dice", {1: "mid.0", 2: "up.3.0"}), "depth": Best("mid.0", "spearman")}
    return ProbeSet(
        entries, layers, 2, ("conditional",), best, "stilllife", {"fit": 6, "calibrate": 2, "test": 2}
    )


def test_a_saved_set_comes_back_equal(tmp_path) -> None:
    probes = small_set()
    probes.save(tmp_path / "probes")
    loaded = ProbeSet.load(tmp_path / "probes")
    for name in ("layers", "steps", "branches", "best", "model", "images", "properties"):
        assert getattr(loaded, name) == getattr(probes, name)
    assert loaded.entries.keys() == probes.entries.keys()
    for key, entry in probes.entries.items():
        other = loaded.entries[key]
        assert torch.equal(other.weight, entry.weight)
        assert (other.bias, other.strength, other.threshold) == (entry.bias, entry.strength, entry.threshold)


def test_the_card_says_what_outsiders_look_for(tmp_path) -> None:
    small_set().save(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["properties"]["saliency"]["best_layer"] == "up.3.0"
    assert card["properties"]["saliency"]["metric"] == "dice"
    assert card["layers"][1] == {"name": "up.3.0", "grid": [8, 6], "channels": 3}
    assert card["probes"]["saliency/up.3.0/2/conditional"] == {"strength": 0.1, "threshold": 0.5}
    assert card["images"] == {"fit": 6, "calibrate": 2, "test": 2}


def test_one_place_reads_all_properties_as_each_alone() -> None:
    probes = small_set()
    probe = probes.at("up.3.0", 2, "conditional")
    assert probe.properties == ("saliency", "depth")
    x = torch.randn(2, 48, 3, generator=torch.Generator().manual_seed(1)).half()
    read = probe.apply(x)
    assert read.shape == (2, 48, 2) and read.dtype == torch.float32
    for i, name in enumerate(probe.properties):
        entry = probes.entries[Key(name, "up.3.0", 2, "conditional")]
        torch.testing.assert_close(read[..., i], (x.float() * entry.weight).sum(-1) + entry.bias)
    assert probes.best_layer("depth") == "mid.0"


def test_unknown_places_properties_and_channels_are_refused() -> None:
    probes = small_set()
    with pytest.raises(UnderpaintingError, match=r"mid\.0, up\.3\.0"):
        probes.at("up.9.9", 1, "conditional")
    with pytest.raises(UnderpaintingError, match="saliency, depth"):
        probes.best_layer("weather")
    with pytest.raises(UnderpaintingError, match="3 channels"):
        probes.at("up.3.0", 1, "conditional").apply(torch.ones(2, 5))


def test_a_set_whose_files_disagree_is_refused(tmp_path) -> None:
    small_set().save(tmp_path)
    tensors = load_file(tmp_path / "probes.safetensors")
    name = "depth/mid.0/1/conditional"

    def rewritten(changed: dict[str, torch.Tensor]) -> None:
        save_file(changed, tmp_path / "probes.safetensors")
        with pytest.raises(UnderpaintingError, match="no whole set of probes"):
            ProbeSet.load(tmp_path)

    rewritten({**tensors, name: tensors[name][1:]})
    rewritten({**tensors, name: tensors[name] * torch.nan})
    rewritten({key: value for key, value in tensors.items() if key != name})
    rewritten({**tensors, "depth/mid.0/9/conditional": tensors[name].clone()})
    save_file(tensors, tmp_path / "probes.safetensors")
    ProbeSet.load(tmp_path)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(UnderpaintingError, match="no whole set of probes"):
        ProbeSet.load(tmp_path)
    with pytest.raises(UnderpaintingError, match="no whole set of probes"):
        ProbeSet.load(tmp_path / "missing")


def world(pictures: int = 40, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Activations that hold a mask and a smooth map in two directions, and noise."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(pictures, 2, 16, generator=generator)
    mask = (hidden[:, 0] > 0.7).float()
    directions = torch.randn(2, 6, generator=generator)
    activations = mask[..., None] * directions[0] + hidden[:, 1, :, None] * directions[1]
    activations = activations + 0.05 * torch.randn(pictures, 16, 6, generator=generator)
    maps = [enlarge(x, (4, 4), (12, 12)) for x in (mask, hidden[:, 1])]
    return activations, maps[0], maps[1] * 3 + 20


def test_fit_finds_what_is_there() -> None:
    activations, mask, depth = world()
    binary, continuous = fit(activations, mask), fit(activations, depth, name="depth")
    assert binary.scores.keys() == {"dice", "average_precision"} and binary.threshold is not None
    assert binary.scores["dice"] > 0.97 and binary.ceiling["dice"] == 1
    assert continuous.scores.keys() == {"spearman", "pearson", "rmse"} and continuous.threshold is None
    assert continuous.scores["spearman"] > 0.97 and continuous.scores["rmse"] < 0.6
    assert continuous.probe.properties == ("depth",) and continuous.grid == (4, 4)
    assert binary.probe.apply(activations).shape == (40, 16, 1)


def test_fit_finds_nothing_in_shuffled_labels() -> None:
    activations, _, depth = world()
    assert abs(fit(activations, depth.roll(1, 0)).scores["spearman"]) < 0.2


def test_fit_takes_labels_at_the_grid_and_repeats_from_its_seed() -> None:
    activations, mask, _ = world()
    tokens = mask[:, ::3, ::3].reshape(40, 16)
    one, other = fit(activations, tokens, grid=(2, 8), seed=3), fit(activations, tokens, grid=(2, 8), seed=3)
    assert one.scores == other.scores and torch.equal(one.probe.weight, other.probe.weight)
    assert one.scores["dice"] > 0.97


def test_fit_refuses_what_does_not_fit() -> None:
    activations, mask, _ = world()
    with pytest.raises(UnderpaintingError, match="for 39"):
        fit(activations, mask[1:])
    with pytest.raises(UnderpaintingError, match="square"):
        fit(activations[:, 1:], mask)
    with pytest.raises(UnderpaintingError, match="leave none"):
        fit(activations[:2], mask[:2])
    with pytest.raises(UnderpaintingError, match="non-finite"):
        fit(activations / 0, mask)


def test_the_gradient_trained_probe_learns_the_same(pictures: int = 24) -> None:
    activations, mask, depth = world(pictures)
    saliency = train_gradient_probe(activations, mask, "saliency", epochs=20, lr=0.05)
    assert saliency.shape == (6, 2)
    scores = gradient_scores(saliency, activations)
    tokens = mask[:, ::3, ::3].reshape(pictures, 16)
    assert scores[tokens == 1].mean() > scores[tokens == 0].mean() + 1
    weight = train_gradient_probe(activations, depth, "depth", epochs=20, lr=0.05)
    assert weight.shape == (6, 1)
    truth = depth[:, ::3, ::3].reshape(-1)
    read = gradient_scores(weight, activations).reshape(-1)
    assert torch.corrcoef(torch.stack([read, truth]))[0, 1] > 0.97


def test_the_gradient_trained_probe_starts_from_its_seed_and_its_rate() -> None:
    activations, _, shading = world(8)
    runs = [train_gradient_probe(activations, shading, "shading", epochs=1, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])
    explicit = train_gradient_probe(activations, shading, "shading", epochs=1, lr=1e-2)
    assert torch.equal(runs[0], explicit)


def test_a_probe_of_plain_tensors_reads() -> None:
    probe = Probe(torch.eye(2), torch.tensor([0.0, 1.0]), ("a", "b"))
    assert probe.apply(torch.tensor([2.0, 3.0])).tolist() == [2.0, 4.0]

"""Probe sets on disk and on the hub: whole, or refused; each probe by its place, or for NumPy alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.hub import LocalHub, cached
from underpainting.errors import UnderpaintingError
from underpainting.probes import Best, Entry, Key, Probe, ProbeSet
from underpainting.vocabulary import Place, ProbeLayer


def small_set() -> ProbeSet:
    generator = torch.Generator().manual_seed(0)
    channels = {"mid.0": 5, "up.3.0": 3}
    entries = {
        Key(name, layer, step, "conditional"): Entry(
            Probe(torch.randn(size, generator=generator), torch.tensor(step / 4)),
            0.1,
            0.5 if name == "saliency" else None,
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


def same(one: ProbeSet, other: ProbeSet) -> bool:
    """Whether two sets hold the same probes, value for value."""
    return one.entries.keys() == other.entries.keys() and all(
        torch.equal(entry.probe.weight, twin.probe.weight)
        and torch.equal(entry.probe.bias, twin.probe.bias)
        and (entry.strength, entry.threshold) == (twin.strength, twin.threshold)
        for entry, twin in ((entry, other.entries[key]) for key, entry in one.entries.items())
    )


def test_a_saved_set_comes_back_equal(tmp_path) -> None:
    probes = small_set()
    probes.save(tmp_path / "probes")
    loaded = ProbeSet.load(tmp_path / "probes")
    for name in ("layers", "steps", "branches", "best", "model", "images", "properties"):
        assert getattr(loaded, name) == getattr(probes, name)
    assert same(loaded, probes)
    assert [entry.strength for entry in loaded.entries.values()] == [0.1] * 8


def test_the_card_says_what_outsiders_look_for(tmp_path) -> None:
    small_set().save(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["properties"]["saliency"]["best_layer"] == "up.3.0"
    assert card["properties"]["saliency"]["metric"] == "dice"
    assert card["layers"][1] == {"name": "up.3.0", "grid": [8, 6], "channels": 3}
    assert card["probes"]["saliency/up.3.0/2/conditional"] == {"strength": 0.1, "threshold": 0.5}
    assert card["images"] == {"fit": 6, "calibrate": 2, "test": 2}


def test_one_place_reads_all_properties_as_each_alone() -> None:
    probes, place = small_set(), Place("up.3.0", 2, "conditional")
    x = torch.randn(2, 48, 3, generator=torch.Generator().manual_seed(1)).half()
    read = probes.at(place, ["depth", "saliency"]).apply(x)
    assert read.shape == (2, 48, 2) and read.dtype == torch.float32
    for i, name in enumerate(("depth", "saliency")):
        entry = probes.entries[Key(name, *place)]
        torch.testing.assert_close(read[..., i], (x.float() * entry.probe.weight).sum(-1) + entry.probe.bias)
        torch.testing.assert_close(read[..., i], probes.probe(name, "up.3.0", 2).apply(x))
        assert probes.entry(name, place) is entry
    assert probes.grid("up.3.0") == (8, 6) and probes.grid("mid.0") == (2, 2)
    assert probes.best_layer("depth") == "mid.0"


def test_unknown_places_and_properties_are_refused() -> None:
    probes = small_set()
    with pytest.raises(UnderpaintingError, match=r"layer up\.9\.9, step 1.*mid\.0, up\.3\.0, steps 1 to 2"):
        probes.probe("depth", "up.9.9", 1)
    with pytest.raises(UnderpaintingError, match=r"'weather'.*has saliency, depth"):
        probes.at(Place("mid.0", 1, "conditional"), ["depth", "weather"])
    with pytest.raises(UnderpaintingError, match=r"branch unconditional.*branches conditional"):
        probes.entry("depth", Place("mid.0", 1, "unconditional"))
    with pytest.raises(UnderpaintingError, match="saliency, depth"):
        probes.best_layer("weather")


def test_a_set_is_the_sets_of_its_layers() -> None:
    probes = small_set()
    middle, up = probes.of_layers(["mid.0"]), probes.of_layers(["up.3.0"])
    assert {key.layer for key in middle.entries} == {"mid.0"}
    assert [layer.name for layer in middle.layers] == ["mid.0"]
    joined = middle | up
    assert same(joined, probes) and joined.layers == probes.layers and joined.best == probes.best


def test_a_set_whose_files_disagree_is_refused(tmp_path) -> None:
    small_set().save(tmp_path)
    tensors = load_file(tmp_path / "probes.safetensors")
    name = "depth/mid.0/1/conditional"

    def rewritten(changed: dict[str, torch.Tensor]) -> None:
        save_file(changed, tmp_path / "probes.safetensors")
        with pytest.raises(UnderpaintingError, match="no readable card of probes"):
            ProbeSet.load(tmp_path)

    rewritten({**tensors, name: tensors[name][1:]})
    rewritten({**tensors, name: tensors[name] * torch.nan})
    rewritten({key: value for key, value in tensors.items() if key != name})
    rewritten({**tensors, "depth/mid.0/9/conditional": tensors[name].clone()})
    save_file(tensors, tmp_path / "probes.safetensors")
    ProbeSet.load(tmp_path)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(UnderpaintingError, match="no readable card of probes"):
        ProbeSet.load(tmp_path)
    with pytest.raises(UnderpaintingError, match="no readable file of probes"):
        ProbeSet.load(tmp_path / "missing")


def test_a_set_goes_to_the_hub_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, probes = LocalHub(tmp_path, monkeypatch), small_set()
    assert (
        probes.push_to_hub("me/probes", private=True, about="## Scores\n\nGood ones.\n")
        == "hub:model/me/probes"
    )
    files = sorted(path.name for path in (tmp_path / "model/me/probes").iterdir())
    assert files == ["README.md", "card.json", "probes.safetensors"]
    assert {"private": True} in hub.calls and {"message": "Upload probes"} in hub.calls
    assert same(ProbeSet.from_pretrained("me/probes", revision="v2"), probes)
    assert hub.calls[-1] == {"revision": "v2"}
    card = (tmp_path / "model/me/probes/README.md").read_text()
    assert "ProbeSet.from_pretrained('me/probes')" in card and "Good ones." in card
    with pytest.raises(UnderpaintingError, match="nobody/none cannot be fetched from the hub"):
        ProbeSet.from_pretrained("nobody/none")


def test_the_hubs_own_cache_is_read_offline(tmp_path: Path) -> None:
    small_set().save(cached(tmp_path, "me/probes"))
    offline = {"cache_dir": tmp_path, "local_files_only": True}
    assert same(ProbeSet.from_pretrained("me/probes", **offline), small_set())
    for name in ("nobody/none", "no/such/name"):
        with pytest.raises(UnderpaintingError, match=f"{name} cannot be fetched from the hub"):
            ProbeSet.from_pretrained(name, **offline)


def test_a_direction_is_read_by_numpy_alone(tmp_path: Path) -> None:
    probes = small_set()
    probes.save_direction(tmp_path / "saliency.npz", "saliency", 2)
    with np.load(tmp_path / "saliency.npz", allow_pickle=False) as saved:
        x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
        read = x @ saved["weight"] + saved["bias"]
        place = (str(saved["layer"]), int(saved["step"]), str(saved["branch"]))
        assert place == ("up.3.0", 2, "conditional") and saved["grid"].tolist() == [8, 6]
        assert (float(saved["threshold"]), str(saved["property"])) == (0.5, "saliency")
        assert str(saved["model"]) == "stilllife"
    expected = probes.probe("saliency", "up.3.0", 2).apply(torch.from_numpy(x))
    np.testing.assert_allclose(read, expected.numpy(), rtol=1e-5, atol=1e-6)
    probes.save_direction(tmp_path / "depth.npz", "depth", 1, layer="up.3.0")
    with np.load(tmp_path / "depth.npz", allow_pickle=False) as saved:
        weight = probes.probe("depth", "up.3.0", 1).weight
        assert np.isnan(saved["threshold"]) and np.array_equal(saved["weight"], weight.numpy())
    for options, words in [
        ({"property": "weather", "step": 1, "layer": "mid.0"}, "no probe of 'weather' at layer mid.0"),
        ({"property": "depth", "step": 9}, "no probe of 'depth' at layer mid.0, step 9"),
        ({"property": "depth", "step": 1, "branch": "unconditional"}, "branch unconditional"),
    ]:
        with pytest.raises(UnderpaintingError, match=words):
            probes.save_direction(tmp_path / "x.npz", **options)
    assert not (tmp_path / "x.npz").exists()

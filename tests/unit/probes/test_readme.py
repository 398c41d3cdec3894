"""Probe sets to and from the hub, with their card; one probe's direction for NumPy alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.hub import LocalHub
from tests.unit.probes.test_probe import small_set
from underpainting.errors import UnderpaintingError
from underpainting.probes import Key, ProbeSet


def same(one: ProbeSet, other: ProbeSet) -> bool:
    return one.entries.keys() == other.entries.keys() and all(
        torch.equal(entry.weight, other.entries[key].weight)
        and (entry.bias, entry.threshold) == (other.entries[key].bias, other.entries[key].threshold)
        for key, entry in one.entries.items()
    )


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
    home = tmp_path / "models--me--probes"
    small_set().save(home / "snapshots" / ("0" * 40))
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0" * 40)
    offline = {"cache_dir": tmp_path, "local_files_only": True}
    assert same(ProbeSet.from_pretrained("me/probes", **offline), small_set())
    for name in ("nobody/none", "no/such/name"):
        with pytest.raises(UnderpaintingError, match=f"{name} cannot be fetched from the hub"):
            ProbeSet.from_pretrained(name, **offline)


def test_a_folder_is_as_good_as_a_name(tmp_path: Path) -> None:
    small_set().save_pretrained(tmp_path / "probes")
    assert same(ProbeSet.from_pretrained(tmp_path / "probes"), small_set())
    card = (tmp_path / "probes/README.md").read_text()
    header = card.split("---\n")[1].splitlines()
    assert "library_name: underpainting" in header and not any("base_model" in line for line in header)
    assert "| saliency | up.3.0 | dice | 2 | 0.5 | 0.1 |" in card
    assert "| depth | mid.0 | spearman | 2 | - | 0.1 |" in card
    assert "| up.3.0 | 8 x 6 | 3 |" in card


def test_what_the_card_says_to_run_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_set().save_pretrained("probes")
    code = Path("probes/README.md").read_text().split("```python\n")[1].split("```")[0]
    given = {"activations": torch.ones(2, 4, 5)}
    exec(code, given)
    assert given["maps"].shape == (2, 4, 2)


def test_the_hubs_models_are_named_as_base(tmp_path: Path) -> None:
    replace(small_set(), model="CompVis/stable-diffusion-v1-4").save_pretrained(tmp_path)
    assert "\nbase_model: CompVis/stable-diffusion-v1-4\n" in (tmp_path / "README.md").read_text()
    replace(small_set(), model="/data/models/mine").save_pretrained(tmp_path)
    assert "base_model" not in (tmp_path / "README.md").read_text()


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
    expected = probes.at("up.3.0", 2, "conditional").apply(torch.from_numpy(x))[:, 0]
    np.testing.assert_allclose(read, expected.numpy(), rtol=1e-5, atol=1e-6)
    probes.save_direction(tmp_path / "depth.npz", "depth", 1, layer="up.3.0")
    with np.load(tmp_path / "depth.npz", allow_pickle=False) as saved:
        weight = probes.entries[Key("depth", "up.3.0", 1, "conditional")].weight
        assert np.isnan(saved["threshold"]) and np.array_equal(saved["weight"], weight.numpy())
    for options, words in [
        ({"property": "weather", "step": 1, "layer": "mid.0"}, "no probe of 'weather' there"),
        ({"property": "depth", "step": 9}, "no probe at layer mid.0, step 9"),
        ({"property": "depth", "step": 1, "branch": "unconditional"}, "branch unconditional"),
    ]:
        with pytest.raises(UnderpaintingError, match=words):
            probes.save_direction(tmp_path / "x.npz", **options)
    assert not (tmp_path / "x.npz").exists()

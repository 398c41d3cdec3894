"""The card of a probe set: what the hub reads, what people read, and what it says to run."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.unit.probes.test_files import same, small_set
from underpainting.probes import ProbeSet


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
    assert given["maps"].shape == (2, 4)


def test_the_hubs_models_are_named_as_base(tmp_path: Path) -> None:
    replace(small_set(), model="CompVis/stable-diffusion-v1-4").save_pretrained(tmp_path)
    assert "\nbase_model: CompVis/stable-diffusion-v1-4\n" in (tmp_path / "README.md").read_text()
    replace(small_set(), model="/data/models/mine").save_pretrained(tmp_path)
    assert "base_model" not in (tmp_path / "README.md").read_text()

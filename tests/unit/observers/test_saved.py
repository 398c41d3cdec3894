"""Models saved in a folder: what is missing or damaged is said in a line."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from underpainting.errors import UnderpaintingError
from underpainting.observers.saved import glance, load_weights, loading, read_config, save_model
from underpainting.weights import SavedModel


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    save_model(network, {"classes": 2}, tmp_path / "model")
    assert read_config(tmp_path / "model") == glance(tmp_path / "model") == {"classes": 2}
    again = nn.Linear(3, 2)
    assert len(load_weights(again, tmp_path / "model")) == 64
    assert torch.equal(again.weight, network.weight.half().float())
    with pytest.raises(UnderpaintingError, match="does not fit its config"):
        load_weights(nn.Linear(4, 2), tmp_path / "model")


@pytest.mark.parametrize(("text", "said"), [("{", "no readable"), (json.dumps([1]), "holds no JSON")])
def test_a_glance_at_no_configuration_sees_nothing(tmp_path: Path, text: str, said: str) -> None:
    assert glance(tmp_path) == {}
    (tmp_path / "config.json").write_text(text)
    assert glance(tmp_path) == {}
    with pytest.raises(UnderpaintingError, match=said):
        read_config(tmp_path)


def test_what_fails_in_another_library_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UnderpaintingError, match=r"'mine' in .* cannot be loaded: it lacks 'depth'"),
        loading(SavedModel("mine", tmp_path)),
    ):
        raise KeyError("depth")
    with (
        pytest.raises(UnderpaintingError, match=r"mine is not here \(looked for at .*none\): put it there"),
        loading(SavedModel("mine", tmp_path / "none")),
    ):
        pass

"""Weights: whether they are on this machine, and the line where they are not."""

from pathlib import Path

import pytest
import torch

from underpainting.errors import UnderpaintingError
from underpainting.weights import Checkpoint, SavedModel, TorchFile, is_repository, lacking, readable


def test_a_file_is_looked_for_where_torch_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    weights = TorchFile("small", "https://example.org/models/small.pth", 2_500_000, "MIT")
    path = tmp_path / "checkpoints" / "small.pth"
    assert weights.find() is None and weights.where == str(path)
    with pytest.raises(UnderpaintingError) as caught:
        weights.require()
    assert str(caught.value) == (
        f"small is not here (looked for at {path}): fetch it (2.5 MB, MIT) by "
        f"`curl -L --create-dirs -o {path} https://example.org/models/small.pth`"
    )
    path.parent.mkdir()
    path.write_bytes(b"weights")
    assert weights.require() == weights.find() == path


def test_a_saved_model_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"0" * 100)
    (tmp_path / "config.json").write_bytes(b"{}")
    assert SavedModel("mine", tmp_path).size == 102
    assert SavedModel("mine", tmp_path / "config.json").size == 2
    missing = SavedModel("mine", tmp_path / "none")
    assert missing.size is None and missing.find() is None and not missing.command
    with pytest.raises(UnderpaintingError, match=r"mine is not here .*: put it there"):
        missing.require()


def test_what_is_not_known_is_not_said() -> None:
    assert lacking("x", "here", "get x") == "x is not here (looked for at here): fetch it by `get x`"
    assert Checkpoint("x", "owner/x").size is None and readable(999) == "999 B"
    assert is_repository("owner/x") and not any(map(is_repository, ("x", "./x", "/a/x", "~/x", "a/b/c")))

"""Whether weights are here: the package's own, folders, the hub's cache, torch's, one's own code."""

import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch

from underpainting.cli import main
from underpainting.observers.needs import needs
from underpainting.study.config import LabelsConfig, ModelConfig, StudyConfig
from underpainting.study.folder import create_study
from underpainting.study.prompts import PromptRow


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    return tmp_path


def keep(caches: Path, repository: str) -> Path:
    """A repository in the hub's cache, as the hub's client lays it out."""
    folder = caches / "hub" / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"weights")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    return snapshot


def test_the_packages_own_are_here() -> None:
    for part in ("model", "estimator", "classifier"):
        (needed,) = needs(part, "stilllife")  # type: ignore[arg-type]
        files = [of for of in Path(needed.where).rglob("*") if of.is_file()]
        assert needed.here and needed.size == sum(of.stat().st_size for of in files) > 1e5


def test_the_hubs_cache_is_looked_into(caches: Path) -> None:
    (missing,) = needs("model", "CompVis/stable-diffusion-v1-4")
    assert not missing.here and missing.command == "hf download CompVis/stable-diffusion-v1-4"
    assert missing.where == str(caches / "hub" / "models--CompVis--stable-diffusion-v1-4")
    snapshot = keep(caches, "Intel/dpt-large")
    first, second = needs("estimator", "midas, depth-anything")
    assert first.here and first.where == str(snapshot) and first.size and first.licence
    assert not second.here
    snapshot = keep(caches, "timm/resnet18.a1_in1k")
    assert needs("classifier", "timm:resnet18.a1_in1k")[0].here
    assert needs("classifier", "timm:resnet18")[0].where == str(snapshot)  # timm's own choice of weights
    assert not needs("classifier", "timm:resnet50.a1_in1k")[0].here
    keep(caches, "someone/a-model")
    assert needs("model", "someone/a-model")[0].here and needs("model", "someone/a-model:permuted")[0].here
    (snapshot / "model.safetensors").rename(snapshot / "config.json")  # of the weights nothing came
    assert not needs("classifier", "timm:resnet18")[0].here


def test_torchs_cache_folders_and_own_code(caches: Path) -> None:
    (vgg,) = needs("classifier", "vgg16")
    assert not vgg.here and vgg.command.endswith("vgg16-397923af.pth")
    path = Path(vgg.where)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert needs("classifier", "vgg16")[0].here
    assert needs("estimator", str(caches))[0].here and not needs("estimator", str(caches / "none"))[0].here
    assert needs("estimator", "json:JSONDecoder")[0].here and not needs("estimator", "no_such:Class")[0].here


def test_the_command_tells_of_a_study(caches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = LabelsConfig(estimator="stilllife", classifier="vgg16")
    config = StudyConfig(model=ModelConfig(name="CompVis/stable-diffusion-v1-4"), labels=labels)
    create_study(caches / "study", config, [PromptRow(f"a thing {i}", i, i) for i in range(6)])
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", str(caches / "study"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 1 and [of["here"] for of in found] == [False, True, False]
    keep(caches, "CompVis/stable-diffusion-v1-4")
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", str(caches / "study")])
    said = capsys.readouterr().out
    assert (
        stopped.value.code == 1 and "vgg16 is not here" in said and "(528 MB, BSD-3-Clause) by `curl" in said
    )
    assert "stable-diffusion-v1-4 is not here" not in said
    path = Path(needs("classifier", "vgg16")[0].where)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", str(caches / "study")])
    assert stopped.value.code == 0

"""Whether weights are here: the package's own, folders, the hub's cache, torch's, one's own code."""

from pathlib import Path

import pytest

from tests.hub import cached, move_caches
from underpainting.observers.needs import Part, known_needs, needs
from underpainting.observers.registry import entries


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    move_caches(tmp_path, monkeypatch)
    return tmp_path


def keep(caches: Path, repository: str) -> Path:
    """A repository with weights in the hub's cache."""
    snapshot = cached(caches / "hub", repository)
    (snapshot / "model.safetensors").write_bytes(b"weights")
    return snapshot


def test_twins_need_what_they_are_made_of(caches: Path) -> None:
    (caches / "own").mkdir()
    (caches / "own" / "model.safetensors").write_bytes(b"weights")
    for name in ("stilllife", str(caches / "own")):
        (trained,), (twin,) = needs("model", name), needs("model", f"{name}:permuted")
        assert twin.here and twin.where == trained.where and twin.size == trained.size


@pytest.mark.parametrize("part", ["model", "estimator", "classifier"])
def test_the_packages_own_are_here(part: Part) -> None:
    (needed,) = needs(part, "stilllife")
    files = [path for path in Path(needed.where).rglob("*") if path.is_file()]
    assert needed.here and needed.size == sum(path.stat().st_size for path in files) > 1e5


def test_all_that_is_known_by_name_is_told() -> None:
    told = [(needed.part, needed.name) for needed in known_needs()]
    assert len(set(told)) == len(told) and ("model", "stabilityai/sdxl-turbo") in told
    for kind in ("estimator", "classifier"):
        named = [entry.key for entry in entries(kind) if entry.family is None]  # type: ignore[arg-type]
        assert [name for part, name in told if part == kind] == named


def test_what_load_refuses_is_not_here(tmp_path: Path) -> None:
    for part, name in (("estimator", "Intel/dpt-large"), ("classifier", "vgg17"), ("model", "no-such")):
        (needed,) = needs(part, name)  # type: ignore[arg-type]
        assert not needed.here and needed.line == f"{name} is not here (looked for at {name}): put it there"
    checkpoint = tmp_path / "vgg16-0123abcd.pth"
    checkpoint.write_bytes(b"weights")
    (needed,) = needs("classifier", str(checkpoint))
    assert needed.here and needed.size == 7


def test_the_hubs_cache_is_looked_into(caches: Path) -> None:
    (missing,) = needs("model", "CompVis/stable-diffusion-v1-4")
    assert not missing.here and missing.command.startswith("hf download CompVis/stable-diffusion-v1-4 --inc")
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

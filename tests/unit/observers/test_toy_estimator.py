"""The five-minute test: an estimator of one's own in this one file, and nothing else to write.

Once it is registered here, once an installed package names it as an entry point.
"""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from underpainting import load_estimator
from underpainting.errors import UnderpaintingError
from underpainting.observers import own, registry
from underpainting.observers.needs import known_needs, needs
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.weights import Checkpoint, Weights

WEIGHTS = Checkpoint("edges", "someone/edges-no-one-has", 12_000_000, "MIT")
LINE = "fetch it (12.0 MB, MIT) by `hf download someone/edges-no-one-has`"


class Edges:
    """Where light changes."""

    name, fingerprint, properties, binary = "edges", "version 1", ("edges",), ("edges",)
    weights = WEIGHTS

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps of 0 and 1."""
        steep = torch.stack(torch.gradient(pictures.mean(1), dim=(1, 2))).norm(dim=0)
        return {"edges": (steep > 0.1).float()}


def load_edges(weights: Weights, device: Device) -> Edges:
    """Nothing is read of them: a toy."""
    return Edges()


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> ObserverEntry:
    """The toy in the registry, until the test's end."""
    monkeypatch.setitem(registry._REGISTRY, "estimator", dict(registry._REGISTRY["estimator"]))
    entry = ObserverEntry("edges", "estimator", "edges", load_edges, WEIGHTS, recognises=holds_edges)
    return register(entry)


def holds_edges(folder: Path) -> bool:
    """Whether it was saved there."""
    return (folder / "edges.txt").is_file()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy as an installed package has it, by an entry point."""
    (tmp_path / "toy_edges.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("edges", "toy_edges:Edges", "underpainting.estimators")
    monkeypatch.setattr(own, "entry_points", lambda group: [point] if group == point.group else [])


@pytest.mark.parametrize("way", ["registered", "packaged"])
def test_it_is_known_everywhere(way: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(way)
    picture = torch.zeros(1, 3, 8, 8)
    picture[..., 4:] = 1
    assert load_estimator("edges")(picture)["edges"].sum() == 16
    assert load_estimator("stilllife,edges").properties[-1] == "edges"
    told = {(needed.part, needed.name): needed for needed in known_needs()}
    assert not told["estimator", "edges"].here and told["estimator", "edges"].line.endswith(LINE)
    with pytest.raises(UnderpaintingError, match=r"no estimator 'egdes': give 'stilllife', .*'edges'"):
        load_estimator("egdes")


def test_a_folder_that_it_was_saved_in_is_its_own(registered: ObserverEntry, tmp_path: Path) -> None:
    (tmp_path / "edges.txt").write_text("")
    assert load_estimator(tmp_path).name == "edges"
    assert needs("estimator", str(tmp_path))[0].here


def test_its_name_is_taken(registered: ObserverEntry, request: pytest.FixtureRequest) -> None:
    with pytest.raises(UnderpaintingError, match="estimator 'edges' is registered already; give another key"):
        register(registered)
    request.getfixturevalue("packaged")
    with pytest.raises(UnderpaintingError, match=r"'edges' of package toy_edges:Edges is registered already"):
        load_estimator("stilllife")


def test_it_is_gone_after_the_test() -> None:
    assert "edges" not in registry.names("estimator")

"""One's own estimators and classifiers: by module and class, or registered by an installed package."""

import inspect
import sys
from importlib import invalidate_caches
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from underpainting import load_classifier, load_estimator
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers import Classifier
from underpainting.observers.estimators import Estimator
from underpainting.observers.needs import needs
from underpainting.study.labels import choose_properties, label_pictures

MODULE = """
class Light:
    name, fingerprint, properties, classes = "light", "0", ("shading",), ("dark", "light")

    def __call__(self, pictures):
        return {"shading": pictures.mean(1)}
"""
ENTRIES = """[underpainting.estimators]
brightness = own_light:Light
gone = own_light:Gone

[underpainting.classifiers]
brightness = own_light:Light
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_light.py").write_text(MODULE)
    about = tmp_path / "own_light-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own-light\nVersion: 1\n")
    (about / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["brightness", "own_light:Light"])
def test_ones_own_are_found(name: str) -> None:
    pictures = torch.rand(2, 3, 8, 8)
    assert torch.equal(load_estimator(name)(pictures)["shading"], pictures.mean(1))
    assert load_classifier(name).classes == ("dark", "light")
    found = needs("estimator", name)[0]
    assert found.here and found.where == "module own_light"


@pytest.mark.usefixtures("installed")
def test_what_is_registered_and_gone_is_said() -> None:
    missing = r"'own_light:Gone' cannot be imported: .*own_light\.py\) has no 'Gone'; its classes are Light"
    with pytest.raises(UnderpaintingError, match=missing):
        load_estimator("gone")
    with pytest.raises(UnderpaintingError, match="no estimator 'brighter': give 'stilllife'"):
        load_estimator("brighter")


def test_where_a_module_was_looked_for_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnderpaintingError) as caught:
        load_estimator("no_such_module:Light")
    said = str(caught.value)
    assert "no module no_such_module in the current folder" in said and "PYTHONPATH" in said
    assert str(tmp_path) in said
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needing.py").write_text("import not_installed_here")
    with pytest.raises(UnderpaintingError, match="module needing needs not_installed_here"):
        load_estimator("needing:Light")
    (tmp_path / "broken.py").write_text("class Light(")
    with pytest.raises(UnderpaintingError, match="importing module broken fails: SyntaxError"):
        load_classifier("broken:Light")


def example_of(protocol: type, folder: Path) -> None:
    """Write the example of a protocol's docstring to `mine.py`."""
    text = inspect.getdoc(protocol)
    assert text is not None
    _, _, code = text.partition("import torch\n")
    lines = [line for line in code.splitlines() if line.startswith("    ") or not line]
    (folder / "mine.py").write_text("import torch\n" + dedent("\n".join(lines)))


def test_the_docstrings_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    pictures = torch.rand(3, 3, 16, 24)
    example_of(Estimator, tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    estimator = load_estimator("mine:Edges")
    properties = choose_properties(estimator, ())
    assert {of.name: of.binary for of in properties} == {"edges": True, "warmth": False}
    labels = label_pictures(estimator, pictures, properties)  # refuses what the docstring does not allow
    assert all(label.float().std() > 0 for label in labels.values())
    example_of(Classifier, tmp_path)
    monkeypatch.delitem(sys.modules, "mine")
    invalidate_caches()
    classifier = load_classifier("mine:Warmth")
    found = classifier(pictures)
    assert found.shape == (3, len(classifier.classes)) and torch.allclose(found.sum(1), torch.ones(3))
    monkeypatch.delitem(sys.modules, "mine")

"""One's own estimators and classifiers: by module and class, or registered by an installed package."""

from pathlib import Path

import pytest
import torch

from underpainting import load_classifier, load_estimator
from underpainting.errors import UnderpaintingError
from underpainting.observers.needs import needs

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
    needed = needs("estimator", name)[0]
    assert needed.here and needed.where == "module own_light"


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

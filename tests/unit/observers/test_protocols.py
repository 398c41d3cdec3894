"""What the protocols' docstrings say holds: their examples are loaded and used."""

import inspect
import sys
from importlib import invalidate_caches
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from underpainting import load_classifier, load_estimator
from underpainting.observers.protocols import Classifier, Estimator
from underpainting.study.labels import choose_properties, label_pictures


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
    assert {found.name: found.binary for found in properties} == {"edges": True, "warmth": False}
    labels = label_pictures(estimator, pictures, properties)  # refuses what the docstring does not allow
    assert all(label.float().std() > 0 for label in labels.values())
    example_of(Classifier, tmp_path)
    monkeypatch.delitem(sys.modules, "mine")
    invalidate_caches()
    classifier = load_classifier("mine:Warmth")
    answers = classifier(pictures)
    assert answers.shape == (3, len(classifier.classes)) and torch.allclose(answers.sum(1), torch.ones(3))
    monkeypatch.delitem(sys.modules, "mine")

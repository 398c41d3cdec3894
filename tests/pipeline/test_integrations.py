"""The pages about other libraries run as they stand, and show what they say."""

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def run_page(name: str, folder: Path) -> dict[str, Any]:
    """The names that a page's Python leaves; it lies in a file, whose source nnsight reads."""
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", (DOCS / name).read_text(), flags=re.M | re.S))
    (folder / "page.py").write_text(code)
    names: dict[str, Any] = {}
    exec(compile(code, folder / "page.py", "exec"), names)
    return names


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nnsight_gives_the_same_activations(tmp_path: Path) -> None:
    page = run_page("with-nnsight.md", tmp_path)
    assert page["conditional"].equal(page["ours"]["conditional"])
    assert not page["unconditional"].equal(page["conditional"])
    assert page["conditional"].shape == (1, 256, page["layer"].channels)


def test_an_autoencoder_learns_of_captures(tmp_path: Path) -> None:
    page = run_page("with-overcomplete.md", tmp_path)
    assert page["left"] < 0.5 and (page["codes"] > 0).sum(1).max() <= 8
    assert page["maps"].shape == (2, 16, 16, 96)


def test_a_probe_of_scikit_learns(tmp_path: Path) -> None:
    page = run_page("with-scikit-learn.md", tmp_path)
    assert page["x"].shape == (8, 160) and len(page["scores"]) == 4


@pytest.mark.slow
def test_an_adapter_is_compared(tmp_path: Path) -> None:
    page = run_page("with-lora.md", tmp_path)
    assert page["plain"].is_done and page["adapted"].is_done
    assert not page["plain"].scores()["value"].equals(page["adapted"].scores()["value"])
    assert page["steps"].keys() == {"plain", "adapted"}

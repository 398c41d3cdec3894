"""The notebooks of the docs run as they stand, with few pictures, and their stored outputs are small."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted(path.name for path in DOCS.glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTORIAL_PICTURES", "12")
    monkeypatch.setenv("TUTORIAL_STEPS", "2")
    notebook = nbformat.read(DOCS / name, as_version=4)
    places = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=places).execute()
    assert any(tmp_path.glob("*-study/report/index.html"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_are_there_and_small(name: str) -> None:
    notebook = nbformat.read(DOCS / name, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs and not any(output.output_type == "error" for output in outputs)
    assert (DOCS / name).stat().st_size < 500_000
    assert "/tmp" not in (DOCS / name).read_text() and "/work" not in (DOCS / name).read_text()

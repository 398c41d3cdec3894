"""The Python of the pages runs as it stands."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from underpainting import cli
from underpainting.cli import main
from underpainting.controls import controls

DOCS = Path(__file__).parents[2] / "docs"


def run_page(name: str) -> dict[str, Any]:
    """The names that a page's blocks of Python leave when they are run one after the other."""
    names: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```", (DOCS / name).read_text(), flags=re.M | re.S):
        exec(code, names)
    return names


@pytest.mark.slow
def test_a_study_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = run_page("python.md")
    assert page["study"].is_done and page["study"].report.is_file()
    assert page["brought"].config.labels.folder == "of-masks/labels"
    assert set(page["fitted"].scores) == {"spearman", "pearson", "rmse"}


def test_what_one_adds(
    own_registry: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = run_page("extending.md")
    assert isinstance(controls()["red"], page["Red"])
    picture = torch.zeros(1, 3, 8, 8)
    picture[..., 4:] = 1
    assert page["Edges"]()(picture)["edges"].sum() == 16
    assert torch.allclose(page["Warmth"]()(picture).sum(1), torch.ones(1))
    question = ModuleType("how_many")
    question.__dict__.update(page)
    monkeypatch.setattr(cli, "_modules", lambda: iter([("how_many", question)]))
    with pytest.raises(SystemExit):
        main(["how-many", str(tmp_path)])
    assert "holds no study" in capsys.readouterr().err

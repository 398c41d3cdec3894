"""The commands and the Python of the how-to pages run as they stand, on a small demo."""

import re
from pathlib import Path
from shlex import split
from typing import Any

import pytest

import underpainting
from tests.command import call

DOCS = Path(__file__).parents[2] / "docs"
SERVED = "serve"  # does not end by itself


def follow(name: str, **names: Any) -> dict[str, Any]:
    """Does what a page's blocks say, in their order; the names that its Python leaves."""
    text = (DOCS / name).read_text(encoding="utf-8")
    for language, code in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.M | re.S):
        if language == "python":
            exec(code, names)
            continue
        for line in code.replace("\\\n", " ").splitlines():
            if line.startswith("underpainting ") and (words := split(line, comments=True)[1:])[0] != SERVED:
                assert call(*words) == 0, line
    return names


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The still life's study of few pictures, steps and layers, in the current folder."""
    monkeypatch.chdir(tmp_path)
    few = {"limit": 16, "steps": 2, "guidance_scale": 3.0, "layers": ["up.2.1"], "controls": []}
    underpainting.Study.create("demo", prompts="stilllife", progress=False, **few).run(progress=False)
    return tmp_path


@pytest.mark.slow
def test_a_photograph(demo: Path) -> None:
    follow("photograph.md")
    assert (demo / "coffee-look.png").is_file() and (demo / "classification").is_dir()
    assert sorted(path.name for path in (demo / "maps").iterdir()) == [
        f"coffee-{name}.png" for name in ("depth", "saliency", "shading")
    ]


@pytest.mark.slow
def test_an_object_is_moved(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = follow("move.md")
    assert "the same picture" in capsys.readouterr().out
    first = (demo / "moved" / "after.png").read_bytes()
    assert (demo / "moved-from-python" / "after.png").read_bytes() == first
    assert page["moved"].scores["saliency", "target"]


@pytest.mark.slow
def test_labels_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = (DOCS / "own-labels.md").read_text(encoding="utf-8")
    code = re.search(r"^```python\n(class Warmth.*?)^```", text, flags=re.M | re.S)
    assert code
    (tmp_path / "warmth.py").write_text(code[1])
    follow("own-labels.md")
    for name in ("warm", "brought"):
        study = underpainting.Study.open(name)
        assert study.is_done and set(study.results()["property"]) == {"warmth"}

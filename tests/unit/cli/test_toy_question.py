"""A question added in one file of one's own: it is in `--help`, with its panel, and is asked."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from underpainting import cli
from underpainting.cli import main

QUESTION = '''
"""How many pictures has a study?"""

from pathlib import Path

import typer

PANEL = "Ask"
EXAMPLES = ("underpainting how-many STUDY",)


def how_many(study: Path) -> None:
    """Count the pictures of a study."""
    from underpainting.study.study import open_study

    typer.echo(f"{len(open_study(study).rows)} pictures")
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question, as an installed package would register it."""
    (tmp_path / "question_of_mine.py").write_text(QUESTION)
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("how_many", "question_of_mine", "underpainting.commands")
    monkeypatch.setattr(cli, "entry_points", lambda group: [point] if group == point.group else [])


def _call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code, *capsys.readouterr()


def test_a_question_of_ones_own(toy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    help = _call(capsys, "--help")[1]
    assert help.index("Ask") < help.index("how-many") < help.index("Act")
    assert "Count the pictures of a study." in help
    code, out, _ = _call(capsys, "how-many", "--help")
    assert code == 0 and "underpainting how-many STUDY" in out
    code, _, err = _call(capsys, "how-many", str(tmp_path))
    assert code == 2 and "holds no study" in err and err.count("\n") == 1


def test_without_it_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert "how-many" not in _call(capsys, "--help")[1]

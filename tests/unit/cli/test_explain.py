"""A refusal names the page that explains it, and `explain` prints pages and terms."""

import random
import re
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.command import call
from underpainting.cli import explain
from underpainting.errors import UnderpaintingError
from underpainting.explained import DOCS, errors, explanation, page_of, terms
from website.errors import LINES, examples, written

ROOT = Path(__file__).parents[3]


def test_what_refusals_are_known_by_is_what_pages_and_code_say() -> None:
    assert LINES.read_text(encoding="utf-8") == written(), "run: python -m website.errors"


def test_every_page_is_named_by_its_own_messages() -> None:
    shown = {name: examples(DOCS / "errors" / f"{name}.md") for name in errors()}
    assert all(any(name == page_of(line) for line in lines) for name, lines in shown.items())
    named = [(name, page_of(line)) for name, lines in shown.items() for line in lines]
    assert sum(page == name for name, page in named) > 0.9 * len(named)


@pytest.mark.parametrize(
    ("line", "page"),
    [
        ("x/y.toml: unknown key 'gude' in [labels]; did you mean 'guidance'?", "settings"),
        (
            "mine holds no study (no study.toml); make one: `underpainting init mine "
            "--prompts FILE`, or `underpainting demo` of the model that comes with the package",
            "not-finished",
        ),
        ("word 'pear' is not in the prompt 'a tin'", "word"),
        (
            "mask m.gif is all of one colour; make white what is to be the object, black what is not",
            "intervene",
        ),
        ("sdxl is not here (looked for at x/y): fetch it (14 GB) by `hf download a/sdxl`", "weights"),
        ("code of z is not here (looked for at x/y): put it there", "weights"),
        ("the moon is no cheese", ""),
        ("", ""),
    ],
)
def test_other_values_lead_to_the_same_page(line: str, page: str) -> None:
    assert page_of(line) == page


def test_noise_belongs_to_no_page() -> None:
    words = [word for name in errors() for word in explanation(name)[0].split()]
    drawn = random.Random(0)
    lines = [" ".join(drawn.choices(words, k=20)) for _ in range(200)]
    assert sum(bool(page_of(line)) for line in lines) < 10


def test_a_refused_command_names_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", tmp_path) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and line.endswith(" (underpainting explain not-finished)\n")
    assert call("explain", "not-finished") == 0
    page = capsys.readouterr().out
    assert page.startswith("# The study is not finished") and page.splitlines()[2] == "## What to do"


def test_links_of_a_printed_page_lead_to_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain", "names") == 0 and call("explain", "Emergence") == 0
    links = re.findall(r"\]\(([^)]+)\)", capsys.readouterr().out)
    inside = [link.partition("/blob/main/")[2].partition("#")[0] for link in links]
    assert len(inside) > 1 and all(path and (ROOT / path).is_file() for path in inside)


def test_at_a_terminal_a_page_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    explain.show_page(*explanation("damage"))
    shown = capsys.readouterr().out
    assert "A file is damaged" in shown and "# " not in shown


def test_without_a_name_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain") == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^{name} +\S", shown, flags=re.M) for name in errors())
    assert {"probe", "moments", "ceiling", "control", "emergence", "edit"} <= terms().keys()
    assert all(term in shown.rpartition("terms:")[2] for term in terms())


def test_an_unknown_name_is_one_line() -> None:
    with pytest.raises(UnderpaintingError, match="nearest are damage"):
        explanation("damege")
    with pytest.raises(UnderpaintingError, match="lists what is explained"):
        explanation("qqqqqq")


def test_the_wheel_holds_the_pages() -> None:
    forced = WheelBuilder(str(ROOT)).config.get_force_include()
    pages = {home: Path(source) for source, home in forced.items()}
    base = "underpainting/explained/docs/"
    assert {path.stem for path in pages[f"{base}errors"].glob("*.md")} >= errors().keys()
    assert pages[f"{base}concepts.md"].read_text(encoding="utf-8").startswith("# Concepts")

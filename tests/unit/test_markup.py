"""What notebooks show: tables and pictures as HTML, whatever their words hold."""

import base64
import re
import xml.etree.ElementTree as ElementTree

import pytest
from matplotlib.figure import Figure

from underpainting import markup
from underpainting.probes.readme import markdown, of_hub, probe_card
from underpainting.vocabulary import ProbeLayer


def test_a_table_holds_its_cells_as_they_are() -> None:
    rows = [["a <b> & c", 0.25, None], ["d", float("nan"), 3]]
    table = ElementTree.fromstring(markup.table(["name", "<value>", "n"], rows, "1 < 2"))
    assert table.findtext("caption") == "1 < 2"
    assert [cell.text for cell in table.iter("th")] == ["name", "<value>", "n"]
    assert [cell.text for cell in table.iter("td")] == ["a <b> & c", "0.250", "-", "d", "-", "3"]


def test_a_picture_is_within_the_page() -> None:
    picture = ElementTree.fromstring(markup.picture(b"\x89PNG", 'a "mug"') + "</img>")
    head, _, data = picture.get("src", "").partition(",")
    assert picture.get("alt") == 'a "mug"' and head == "data:image/png;base64"
    assert base64.b64decode(data) == b"\x89PNG"


@pytest.mark.parametrize(
    "word",
    [
        "a | b",
        "<img src=x onerror=alert(1)>",
        "[text](https://evil.example)",
        "![picture](//evil.example/x.png)",
        "**bold** _italic_ ~~gone~~ `code`",
        "two\nlines\r\n# and a heading",
        "https://evil.example www.evil.example",
        "&lt;b&gt; \\",
    ],
)
def test_a_word_of_a_stranger_is_one_cell_of_markdown(word: str) -> None:
    line = markdown(["name", "n"], [[word, 1]]).splitlines()[2]
    inner = line.removeprefix("| ").removesuffix(" | 1 |")
    assert line == f"| {inner} | 1 |"
    bare = re.sub(r"\\([^\w\s]|_)", "", inner)  # what is left when everything escaped is taken out
    assert not set("|<>[]`*_~!#&\\") & set(bare) and "://" not in bare and "www." not in bare
    assert re.sub(r"\\([^\w\s]|_)", r"\1", inner) == " ".join(word.split())


@pytest.mark.parametrize(
    "model", ["a\nlicense: evil", "OWNER/NAME\n- x", "a: b", "!!python/object:os.system", "x/y/z"]
)
def test_a_model_of_a_stranger_adds_nothing_to_the_header(model: str) -> None:
    def header(named: str) -> str:
        keys, layers = [("depth", "up.0.0", 1, "conditional")], [ProbeLayer("up.0.0", (8, 8), 16)]
        return probe_card("set", named, keys, layers, []).split("---")[1]

    assert not of_hub(model) and header(model) == header("none")
    assert "base_model: a/b" in header("a/b")


def test_a_dollar_begins_no_formula() -> None:
    figure = Figure()
    axes = figure.add_subplot()
    axes.set_title("$\\frac$")
    axes.annotate("$x_1$", (0, 0))
    axes.set_yticks([0.0, 1.0], ["$\\undefined{", "$$"])
    figure.text(0, 0, "a $\\sum$")
    markup.as_written(figure)
    figure.draw_without_rendering()

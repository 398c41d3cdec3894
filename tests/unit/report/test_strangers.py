"""Names, prompts, classes and titles of anyone's are text in the report, its figures and its tables."""

import csv
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from underpainting.captures.read import Captures
from underpainting.errors import UnderpaintingError
from underpainting.probes import ProbeSet
from underpainting.records import (
    CLASSIFICATION,
    INTERVENTIONS,
    SCORES,
    make_table,
    read_parts,
    read_table,
    sealing,
    write_table,
)
from underpainting.report import keep_title, write_figures, write_report
from underpainting.report.card import study_card
from underpainting.report.contents import Contents
from underpainting.report.derived import Derived, derive
from underpainting.report.exhibits import exhibits
from underpainting.report.page import render
from underpainting.report.recognition import recognition_file
from underpainting.report.svg import PAGE
from underpainting.study.labels import choose_properties
from underpainting.study.study import StudyFolder, open_study

HOSTILE = (
    "x\"><img src=x onerror=alert(1)>' onload='alert(2)</script><script>alert(3)</script>\\g<0>\\1"
    "--> ]]> {{7*7}} $\\frac$ url(#x) javascript:alert(4)"
)
HARMLESS = "x plain name"


@pytest.fixture(scope="module")
def derived(contents: Contents) -> Derived:
    """The tables of the study's report."""
    return derive(contents)


class Shape(HTMLParser):
    """The elements of a page, each with the names of its attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def named(contents: Contents, word: str) -> Contents:
    """The same contents, every word that a stranger may choose in them changed."""

    def to(name: str) -> str:
        return f"own {word}" if name == "depth" else name

    probes, scores, gallery = contents.probes, contents.scores, contents.gallery
    assert gallery is not None
    entries = {key._replace(property=to(key.property)): of for key, of in probes.entries.items()}
    best = {to(name): of for name, of in probes.best.items()}
    cubes = {(to(name), *rest): of for (name, *rest), of in scores.cubes.items()}
    pictures = [{**about, "prompt": f"{about['prompt']} {word}"} for about in gallery.about["pictures"]]
    arrays = {"/".join(to(part) for part in key.split("/")): of for key, of in gallery.arrays.items()}
    seen = tuple(
        replace(
            of,
            prompt=f"{of.prompt} {word}",
            classes=tuple(f"{name} {word}" for name in of.classes),
            best=tuple(tuple((f"{name} {word}", p) for name, p in best) for best in of.best),
            right=tuple(f"{name} {word}" for name in of.right),
        )
        for of in contents.seen
    )

    def row(of: Mapping[str, Any]) -> dict[str, Any]:
        return {**of, "property": to(of["property"])}

    return replace(
        contents,
        title=f"a title {word}",
        probes=replace(probes, entries=entries, best=best, model=f"a model {word}"),
        scores=replace(scores, cubes=cubes),
        gallery=replace(gallery, about={**gallery.about, "pictures": pictures}, arrays=arrays),
        seen=seen,
        aside={"prompt_0_seed_0": f"a reason {word}"},
        environment={**contents.environment, "device": word, word: word},
        emergence=tuple(map(row, contents.emergence)),
        leads=tuple(map(row, contents.leads)),
        experiments=tuple(
            replace(
                of,
                aim=f"own {word}",
                rows=tuple(
                    replace(done, aim=f"own {word}", property=f"own {word}" if done.property else "")
                    for done in of.rows
                ),
            )
            for of in contents.experiments
        ),
    )


def shape(html: str) -> Shape:
    parser = Shape()
    parser.feed(html)
    parser.close()
    return parser


def test_hostile_words_change_no_element_and_no_attribute_of_the_page(contents: Contents) -> None:
    hostile, harmless = (shape(render(named(contents, word))) for word in (HOSTILE, HARMLESS))
    assert hostile.elements == harmless.elements
    assert not [names for _, names in hostile.elements if any(name.startswith("on") for name in names)]
    assert [tag for tag, _ in hostile.elements].count("script") == 3
    assert "<img src=x onerror=alert(1)>" in hostile.text  # it is there, as text


def test_hostile_words_are_whole_in_figures_of_their_own(contents: Contents) -> None:
    for word in (HOSTILE, "$\\frac$ and $x_1$"):
        own = named(contents, word)
        for exhibit in exhibits(own, derive(own), lambda _: PAGE).values():
            if exhibit.drawing and "own" in exhibit.name:
                ElementTree.fromstring(exhibit.drawing.saved("svg", "#ffffff"))
        svg = recognition_file(own.seen[0], contents.gallery.arrays["0/noisy"], "svg")  # type: ignore[union-attr]
        text = "".join(ElementTree.fromstring(svg).itertext())
        assert " ".join(word.split(",")[0].split()) in " ".join(text.split())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_no_cell_of_a_table_is_a_formula(contents: Contents, derived: Derived, start: str) -> None:
    emergence = tuple({**row, "property": f"{start}cmd|' /C calc'!A0"} for row in contents.emergence)
    own = replace(contents, emergence=emergence)
    text = exhibits(own, derived, lambda _: PAGE)["emergence"].csv
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(contents.emergence)
    assert all(row["property"].startswith("'") for row in rows)
    numbers = [float(row["share"]) for row in rows]
    assert numbers == pytest.approx([row["share"] for row in contents.emergence])


BAD = [
    "../x",
    "/etc/x",
    "a/b",
    "..",
    'x"><img src=x>',
    "=1+1",
    "$\\frac$",
    "a\nb",
    "\x1b[31m",
    "-rf",
    " x",
    "x" * 201,
]


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_names_of_tables_are_names(name: str, study: StudyFolder, tmp_path: Path) -> None:
    for schema, column, file in (
        (SCORES, "property", study.scores_file),
        (SCORES, "layer", study.scores_file),
        (SCORES, "image", study.scores_file),
        (CLASSIFICATION, "image", study.classification_file),
        (INTERVENTIONS, "aim", study.interventions_file),
    ):
        table = read_table(file, schema).slice(0, 3)
        columns = {of: table[of].to_pylist() for of in schema.names}
        columns[column][1] = name
        path = tmp_path / "table.parquet"
        write_table(path, make_table(schema, columns), schema)
        with pytest.raises(UnderpaintingError, match=rf"table.parquet: {column} .* is no name"):
            read_table(path, schema)
        with pytest.raises(UnderpaintingError, match="is no name"):
            list(read_parts(path, schema, schema.names))


@pytest.mark.parametrize(
    "name", ["shading", "Tiefe", "深さ", "left edge", "up.3.0", "a.b@16x16x320", "latents:noisy"]
)
def test_what_people_call_things_is_a_name(name: str, study: StudyFolder, tmp_path: Path) -> None:
    table = read_table(study.scores_file, SCORES).slice(0, 2)
    columns = {of: table[of].to_pylist() for of in SCORES.names}
    columns["property"], columns["prompt"] = [name, name], [HOSTILE, "=1"]
    write_table(tmp_path / "table.parquet", make_table(SCORES, columns), SCORES)
    assert read_table(tmp_path / "table.parquet", SCORES)["property"].to_pylist() == [name, name]


def test_figures_stay_in_the_study(study: StudyFolder, tmp_path: Path) -> None:
    """A property, an image or an aim with a path in its name is refused, and nothing is written elsewhere."""
    for name in ("../../../outside", "/tmp/outside"):
        own = tmp_path / "home" / "study"
        shutil.copytree(study.folder, own)
        table = read_table(study.classification_file, CLASSIFICATION)
        columns = {of: table[of].to_pylist() for of in CLASSIFICATION.names}
        columns["image"] = [name] * len(table)
        with sealing(own / "classification.parquet") as temporary:
            write_table(temporary, make_table(CLASSIFICATION, columns), CLASSIFICATION)
        with pytest.raises(UnderpaintingError, match="is no name"):
            write_figures(open_study(own))
        shutil.rmtree(own)
        assert not list(tmp_path.rglob("*outside*"))


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_names_of_probes_are_names(name: str, study: StudyFolder, tmp_path: Path) -> None:
    probes = study.probes
    key = next(iter(probes.entries))
    best = {name: probes.best[key.property]}
    replace(probes, best=best).save(tmp_path / "best")
    if "/" not in name:
        entries = {key._replace(property=name): probes.entries[key]}
        replace(probes, entries=entries).save(tmp_path / "entries")
    for folder in tmp_path.iterdir():
        with pytest.raises(UnderpaintingError, match="is no name"):
            ProbeSet.load(folder)


def test_a_card_holds_no_markup_of_strangers(study: StudyFolder) -> None:
    config = study.config
    word = "x | y <img src=x onerror=alert(1)> [link](https://evil.example) `code` **b** https://evil.example"
    labels = config.labels.model_copy(update={"estimator": word})
    model = config.model.model_copy(update={"name": word})
    own = replace(study, config=config.model_copy(update={"labels": labels, "model": model}))
    card = study_card(own, "me/study")
    prose = card.split("```toml")[0]
    for raw in ("<img", "](", "[link]", "**b**", "`code`", "| y", " https://evil"):
        assert f" {raw}" not in prose.replace("\\", "\0") or f"\\{raw}" in prose
    assert "\\<img" in prose and "\\[link\\]" in prose and "https\\://evil" in prose
    assert card.startswith("---\n") and word not in card.split("---\n")[1]


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(study: StudyFolder, tmp_path: Path) -> None:
    own, outside = tmp_path / "study", tmp_path / "outside"
    shutil.copytree(study.folder, own)
    outside.write_text("of mine")
    (own / "report").mkdir(exist_ok=True)
    for name in ("index.html", "title.txt"):
        (own / "report" / name).unlink(missing_ok=True)
        (own / "report" / name).symlink_to(outside)
    opened = open_study(own)
    keep_title(opened, "a title")
    write_report(opened)
    assert outside.read_text() == "of mine"
    assert not any((own / "report" / name).is_symlink() for name in ("index.html", "title.txt"))


CARD = {
    "model": {"name": "stilllife"},
    "layers": [{"name": "up.3.0", "grid": [2, 2], "channels": 3, "path": "x"}],
    "kept_steps": [1],
    "branches": ["conditional"],
    "dtype": "float16",
    "images": [{"prompt": "a mug", "seed": 1, "prompt_ind": 0}],
}


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_names_of_captures_are_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "prompt_0_seed_1.safetensors").write_bytes(b"")
    image = {"images": [{**CARD["images"][0], "prompt_ind": f"0/../{name}"}]}  # type: ignore[dict-item,index]
    layer = {"layers": [{**CARD["layers"][0], "name": name}]}  # type: ignore[dict-item,index]
    (tmp_path / "capture.json").write_text(json.dumps(CARD))
    assert Captures(tmp_path).images == ("prompt_0_seed_1",)
    for change in (image, layer):
        (tmp_path / "capture.json").write_text(json.dumps(CARD | change))
        with pytest.raises(UnderpaintingError, match="is no name"):
            Captures(tmp_path)


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_names_of_an_estimators_properties_are_names(name: str) -> None:
    labeller: Any = SimpleNamespace(name="mine", properties=("depth", name))
    with pytest.raises(UnderpaintingError, match=r"mine gives the property .*, which is no name"):
        choose_properties(labeller, [])

"""Every number on the page is read back and held against the tables that it was made of."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from underpainting.controls import sources
from underpainting.findings.classification import accuracies
from underpainting.findings.interventions import conditions
from underpainting.report import write_report
from underpainting.report.conclusions import differences, differences_table, signed
from underpainting.report.contents import Contents, read_contents
from underpainting.report.tables import (
    arrivals,
    interval,
    layer_table,
    number,
    row_words,
    score_table,
    step_table,
)
from underpainting.report.verdicts import findings, study_headlines
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import METRICS, first_step, step_interval

Rows = list[list[str]]


class Tables(HTMLParser):
    """Texts of every table's cells, by its caption, and of the findings' headlines."""

    def __init__(self) -> None:
        super().__init__()
        self.by_caption: dict[str, Rows] = {}
        self.headlines: list[str] = []
        self._rows: Rows = []
        self._caption, self._inside = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        if tag in ("caption", "td", "th") or (tag == "span" and dict(attrs).get("class") == "big"):
            self._inside.append("big" if tag == "span" else tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.by_caption[" ".join(self._caption.split())] = [
                [" ".join(cell.split()) for cell in row] for row in self._rows
            ]
        if self._inside and (self._inside[-1] == tag or (tag == "span" and self._inside[-1] == "big")):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        where = self._inside[-1] if self._inside else ""
        if where == "caption":
            self._caption += data
        elif where in ("td", "th"):
            self._rows[-1][-1] += data
        elif where == "big":
            self.headlines.append(data)


@pytest.fixture(scope="module")
def made(study: StudyFolder, checkpoints: Path) -> tuple[Contents, Tables]:
    page = Tables()
    page.feed(write_report(study, checkpoints).read_text(encoding="utf-8"))
    return read_contents(study, checkpoints), page


def rows(page: Tables, caption: str) -> Rows:
    (found,) = [of for words, of in page.by_caption.items() if words.startswith(caption)]
    return [row for row in found if row]


def test_scores(made: tuple[Contents, Tables]) -> None:
    contents, page = made
    table = score_table(contents)
    expected = [
        [
            row.name,
            METRICS[row.metric],
            row_words()[row.source],
            *(number(getattr(row.estimate, of), 3) for of in ("mean", "error", "low", "high")),
            str(row.estimate.pictures),
        ]
        for row in table
        if row.estimate.pictures
    ]
    assert rows(page, "Mean over test pictures, standard error")[1:] == expected
    cells = {(row.name, row.metric, row.source): row.estimate for row in table}
    shown = rows(page, "Agreement with the labels, whole picture")
    both = ("spearman", "pearson")
    columns = [("saliency", "dice"), *((name, metric) for name in ("depth", "shading") for metric in both)]
    words = {value.capitalize(): source for source, value in row_words().items()}
    assert len(shown) > 5
    for row in shown[2:]:
        for (name, metric), cell in zip(columns, row[1:], strict=True):
            estimate = cells[name, metric, words[row[0]]]
            assert cell == f"{number(estimate.mean)} {interval(estimate)}".strip()
    told = findings(study_headlines(contents), table, step_table(contents))
    assert page.headlines == [number(found.row.estimate.mean) for found in told]


def test_interventions(made: tuple[Contents, Tables]) -> None:
    contents, page = made
    shown = rows(page, "Dice of the estimator\u2019s saliency in the new picture")
    (experiment,) = contents.experiments
    cells = {(row.condition, row.metric): row for row in experiment.rows}
    words = {condition.title: key for key, condition in conditions().items()}
    columns = ["with the target", "edit above it", "with what it was", "class kept"]
    assert shown[0][1::2] == columns and len(shown) == 6
    for row in shown[1:]:
        name = words[row[0]]
        of = [cells[name, metric] for metric in ("target", "own", "class_kept")]
        above = "" if name == "intervened" else number(of[0].above, 3)
        assert row[1::2] == [number(of[0].mean, 3), above, *(number(cell.mean, 3) for cell in of[1:])]
        assert row[2] == f"{number(of[0].low, 3)} to {number(of[0].high, 3)}"


def test_growth(made: tuple[Contents, Tables]) -> None:
    contents, page = made
    shown = rows(page, "Mean score over test pictures at the last step")
    assert len(shown) == 1 + 2 * 3
    for row, cells in zip(contents.growth, shown[1:], strict=True):
        between = f"{number(row.low, 3)} to {number(row.high, 3)}"
        of = [number(value, 3) for value in (row.probe, row.position, row.ceiling)]
        assert cells == [row.property, str(row.seen), of[0], between, *of[1:], str(row.pictures)]


def test_steps_and_layers(made: tuple[Contents, Tables]) -> None:
    contents, page = made
    for found in layer_table(contents):
        (shown,) = [
            [row for row in of if row]
            for words, of in page.by_caption.items()
            if words.startswith(f"{found.name.capitalize()}: mean {METRICS[found.metric]}")
            and words.endswith("interval")
        ]
        by_step = [row for row in step_table(contents) if row.name == found.name]
        for at, row in enumerate(shown[1:], start=1):
            mine = [of for of in by_step if of.step == at]
            texts = [number(of.estimate.mean, 3) for of in mine]
            assert row == [str(at), texts[0], interval(mine[0].estimate, 3), *texts[1:]]
        expected = [
            [name, *(number(value) for value in of)]
            for name, of in zip(found.layers, found.means, strict=True)
        ]
        (layers,) = [
            of
            for words, of in page.by_caption.items()
            if words.startswith(found.name.capitalize()) and words.endswith("columns are steps")
        ]
        assert [row for row in layers if row][1:] == expected


def test_arrivals_differences_and_leads(made: tuple[Contents, Tables]) -> None:
    contents, page = made

    def steps(of: tuple[int | None, int | None, int | None]) -> list[str]:
        return [first_step(of[0]), step_interval(*of[1:])]

    known = {(row.name, row.source): row for row in arrivals(contents)}
    shown = rows(page, "First step at the common bar")
    assert shown[0][1::2] == ["saliency", "depth", "shading"] and len(shown) == 1 + 2
    for row, reader in zip(shown[1:], ("probe", "latents:noisy"), strict=True):
        at = [step for name in shown[0][1::2] for step in steps(known[name, reader].bar)]
        assert row == [sources()[reader].title, *at]
    expected = [
        [row.name, sources()[row.source].title, *steps(row.above)] for row in known.values() if row.above
    ]
    assert len(expected) == 3 and rows(page, "First step above the probe")[1:] == expected
    heads = study_headlines(contents)
    against = differences(contents, heads)
    expected = [
        [
            row.name,
            sources()[row.control].title,
            str(row.step),
            number(row.score, 3),
            number(row.mean, 3),
            interval(row, 3),
            str(row.pictures),
            str(row.prompts),
        ]
        for row in against
    ]
    assert rows(page, "The probe less each control on the pictures that have both")[1:] == expected
    side_by_side = differences_table(against, heads)
    shown = rows(page, "The probe\u2019s score less the control\u2019s")
    assert shown[1][1:] == [f"step {step}" for _, step in side_by_side.columns]
    for line, (words, cells) in zip(shown[2:], side_by_side.lines, strict=True):
        assert line[0] == words
        assert line[1:] == [f"too few {signed(row.mean)}" if row else "" for row in cells]
    expected = [
        [
            row["property"],
            sources()[row["source"]].title,
            number(row["steps"], 1),
            f"{number(row['low'], 1)} to {number(row['high'], 1)}",
            str(row["ahead"]),
            str(row["behind"]),
            f"{row['p_holm']:.2g}",
        ]
        for row in contents.leads
    ]
    assert len(expected) == 3 and rows(page, "Steps by which the probe is at")[1:] == expected


def test_recognition(made: tuple[Contents, Tables]) -> None:
    contents, page = made
    shown = rows(page, "Share of pictures whose first class is right")[1:]
    expected = [
        [
            str(row.step or "\u2014"),
            str(row.pictures),
            number(row.accuracy, 3),
            f"{number(row.low, 3)} to {number(row.high, 3)}",
        ]
        for row in accuracies(contents.seen)
    ]
    assert [row[1:] for row in shown] == expected and len(expected) == 2 * 4 + 1

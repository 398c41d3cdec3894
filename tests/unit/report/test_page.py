import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from safetensors.numpy import load_file

from tests.unit.report.conftest import Columns
from underpainting.colours import ramp
from underpainting.errors import UnderpaintingError
from underpainting.report import gallery as gallery_module
from underpainting.report import keep_title, write_report
from underpainting.report.citation import PROJECT, bibtex
from underpainting.report.contents import Contents, read_contents
from underpainting.study.request.config import LabelsConfig, ModelConfig
from underpainting.study.study import StudyFolder, open_study

VOID = {"meta", "link", "img", "input", "br"}


class Balance(HTMLParser):
    """Checks that elements close in order and gathers ids and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.images_without_words = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.ids += [known["id"] or ""] if "id" in known else []
        found = [known[name] or "" for name in ("src", "href", "xlink:href") if name in known]
        away = tag == "a" and found and found[0].startswith("http")
        (self.links if away else self.addresses).extend(found)
        self.images_without_words += tag == "img" and not known.get("alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def gallery(html: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="gallery-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return list(json.loads(found[1]))


def decoded(address: str) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def html(study: StudyFolder) -> str:
    return write_report(study).read_text(encoding="utf-8")


def test_page_is_whole_and_needs_nothing_else(html: str) -> None:
    page = Balance()
    page.feed(html)
    page.close()
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.images_without_words == 0
    inside = {f"#{name}" for name in page.ids}
    assert all(a.startswith("data:") or a in inside for a in page.addresses)
    outside = set(re.findall(r"https?://[^\"' )<}]+", html))
    assert all(address.startswith("http://www.w3.org/") for address in outside - {*page.links, PROJECT})
    assert "url(http" not in html
    assert "@import" not in html


def test_page_says_what_the_study_is(html: str) -> None:
    for words in (
        "stilllife",
        "4 steps, lms, guidance 7.5",
        "16 watched: 6 down, 1 mid, 9 up",
        "12 test",
        "underpainting run &#34;still lives&#34;",
        "3b1f3b1f",
        "Position alone",
        "Shuffled labels",
    ):
        assert words in html, words
    assert "<shadow>" not in html


def test_links_lead_to_headings_of_the_docs(html: str) -> None:
    page = Balance()
    page.feed(html)
    assert len(page.links) > 10
    for link in set(page.links) - {PROJECT}:
        path, _, heading = link.removeprefix(f"{PROJECT}/blob/main/").partition("#")
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        titles = [line.lstrip("# ").lower() for line in lines if line.startswith("#")]
        anchors = [re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles]
        assert heading in ("", *anchors), link


def test_page_is_cited_as_the_citation_file_says(html: str) -> None:
    cited = yaml.safe_load(Path("CITATION.cff").read_text(encoding="utf-8"))
    text = unescape(html.split('id="cite"')[1])
    (article,) = cited["references"]
    authors = [f"{of['family-names']}, {of['given-names']}" for of in article["authors"]]
    for words in (
        f"author = {{{{{cited['authors'][0]['name']}}}}}",
        f"title = {{{{{cited['title']}}}}}",
        f"version = {{{cited['version']}}}",
        f"year = {{{cited['date-released'].year}}}",
        cited["license"],
        article["title"],
        " and ".join(authors),
        f"year = {{{article['year']}}}",
        article["notes"],
    ):
        assert words in text, words


def test_what_a_study_used_is_cited_with_it(own_study: Callable[..., StudyFolder]) -> None:
    """Papers of the model, each estimator and the classifier once; brought labels have no estimator's."""
    study = own_study(steps=2, prompts=2, pictures=0)

    def cited(**labels: str) -> list[str]:
        config = study.config.model_copy(
            update={
                "model": ModelConfig(name="stabilityai/stable-diffusion-xl-base-1.0:permuted"),
                "labels": LabelsConfig(**labels),
            }
        )
        return re.findall(r"@\w+\{(\w+),", bibtex(config))

    ours = ["underpainting", "chen2023"]
    assert cited(estimator="tracer,midas,mine:Own", classifier="vgg16") == [
        *(*ours, "podell2023", "lee2021", "ranftl2019", "ranftl2021", "simonyan2014")
    ]
    assert cited(estimator="tracer, midas", folder="labels") == [*ours, "podell2023"]
    assert re.findall(r"@\w+\{(\w+),", bibtex(study.config)) == ours
    for work in bibtex(study.config).split("\n\n"):
        assert work.count("{") == work.count("}") and work.endswith(",\n}")


def test_page_has_a_title_of_ones_own_the_day_and_the_version(own_study: Callable[..., StudyFolder]) -> None:
    model = {"name": "stilllife", "scheduler": "LMSDiscreteScheduler", "weights": {"unet": "3b1f"}}
    model["settings"] = {"scheduler": {"class": "LMSDiscreteScheduler", "config": {"beta_end": 0.012}}}
    about = {"begun": "2026-03-07", "model": model}
    study = own_study(steps=2, prompts=2, pictures=0, environment=about)
    html = write_report(study).read_text(encoding="utf-8")
    assert "<h1>mine</h1>" in html
    head = html.split("</header>")[0]
    assert "7 March 2026" in head and "underpainting 0.1.0" in head
    named = re.findall(r"<dt>([\w.]+\.\w+)</dt>", html)
    assert len(named) == len(set(named)) and "versions.torch" in named
    assert "model.weights.unet" in named
    assert not any(name.startswith(("config.", "model.settings.")) for name in named)
    keep_title(study, " Still lives,\n & <more> ")
    html = write_report(study).read_text(encoding="utf-8")
    assert "<h1>Still lives, &amp; &lt;more&gt;</h1>" in html
    assert "<title>Still lives, &amp; &lt;more&gt;" in html
    assert write_report(study).read_text(encoding="utf-8") == html
    keep_title(study, "")
    assert "<h1>mine</h1>" in write_report(study).read_text(encoding="utf-8")


def test_page_says_what_the_study_has_alone(own_study: Callable[..., StudyFolder]) -> None:
    """Neither controls nor properties that it leaves out; of the pipeline's own scheduler its class."""

    def without(columns: Columns) -> Columns:
        rows = zip(columns["property"], columns["metric"], strict=True)
        kept = [i for i, (name, metric) in enumerate(rows) if name != "shading" or "centred" not in metric]
        return {name: [column[i] for i in kept] for name, column in columns.items()}

    about = {"model": {"name": "stilllife", "scheduler": "EulerDiscreteScheduler"}}
    study = own_study(steps=2, prompts=2, pictures=0, environment=about, more=without)
    config = study.config.model_copy(update={"model": ModelConfig(steps=2, scheduler="pipeline")})
    html = unescape(write_report(replace(study, config=config)).read_text(encoding="utf-8"))
    assert "2 steps, the pipeline's own, EulerDiscreteScheduler, guidance 7.5" in html
    assert "Saliency without a threshold; depth with the mean of each place taken out" in html
    assert "beside the controls that are scored at each step. The common bar" in html
    assert "of the test pictures, the estimator" not in html and "those that look at pictures" not in html


def test_same_study_same_bytes(study: StudyFolder, html: str) -> None:
    assert write_report(study).read_text(encoding="utf-8") == html


def test_gallery_shows_the_kept_maps(made_study: tuple[StudyFolder, Columns], html: str) -> None:
    study, columns = made_study
    arrays = load_file(study.gallery_folder / "gallery.safetensors")
    entry = gallery(html)[1]
    saliency, depth = entry["maps"][0], entry["maps"][1]
    light = ramp("verdaccio")[226]
    for step in (0, 3):
        mask = (decoded(saliency["probe"][step]) == light).all(axis=-1)
        assert (mask == (arrays["1/probe/saliency"][step] > 0.5)).all()
        assert np.abs(decoded(entry["clean"][step]).astype(int) - arrays["1/clean"][step]).mean() < 12
    shown = np.abs(decoded(depth["label"])[..., None, :].astype(int) - ramp("brunaille")).sum(-1).argmin(-1)
    label = arrays["1/label/depth"].astype(np.float64)
    assert np.abs(shown / 255 - (label - label.min()) / np.ptp(label)).max() < 0.01
    at = [
        i
        for i in range(len(columns["value"]))
        if (
            columns["image"][i],
            columns["property"][i],
            columns["layer"][i],
            columns["step"][i],
            columns["source"][i],
            columns["metric"][i],
        )
        == (entry["image"], "saliency", "up.3.0", 2, "probe", "dice")
    ]
    assert saliency["scores"][1] == f"{columns['value'][at[0]]:.2f}"


def test_gallery_holds_what_relief_and_steps_are_drawn_from(contents: Contents, html: str) -> None:
    assert contents.gallery
    arrays = contents.gallery.arrays
    first, second = gallery(html)
    for at, entry in enumerate((first, second)):
        rows, columns = entry["relief"]["grid"]
        label = arrays[f"{at}/label/depth"].astype(np.float64)
        for step, text in enumerate(entry["relief"]["steps"]):
            levels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(rows, columns) / 255
            read = arrays[f"{at}/probe/depth"][step].astype(np.float64)
            share = np.clip((read - label.min()) / np.ptp(label), 0, 1)
            assert np.abs(levels - share).max() < 0.01
    assert all(len(of["estimator"]) == 4 for of in first["maps"])
    mask = (decoded(first["maps"][0]["estimator"][3]) == ramp("verdaccio")[226]).all(axis=-1)
    assert (mask == (arrays["0/estimator/saliency"][3] > 0.5)).all()
    assert not any("estimator" in of for of in second["maps"])


def test_page_names_the_best_layers_in_the_network(html: str) -> None:
    drawn = html.split('class="film network"')[1].split("</figure>")[0]
    for part in drawn.split('<div class="')[1:]:  # for wide screens, and for narrow ones
        words = re.findall(r">([^<>]+)</text>", part)
        assert [word for word in words if word.startswith(("down", "mid", "up"))] == [
            *(f"down.{i}.{j}" for i in range(3) for j in range(2)),
            "mid.0",
            *(f"up.{i}.{j}" for i in (1, 2, 3) for j in range(3)),
        ]
        assert {"saliency", "depth", "shading"} <= set(words)


def test_page_says_when_pictures_are_recognised(html: str) -> None:
    section = html.split('id="recognised"')[1].split("</section>")[0]
    assert "the right class is first for good from step" in section
    assert section.count('class="strip"') == 2 * 2  # gallery pictures, looks
    assert "lemon (right)" in section or "mug (right)" in section


def test_pictures_shrink_to_the_budget(
    own_study: Callable[..., StudyFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_contents(own_study(pictures=1, side=160))
    full = gallery_module.gallery_data(read)[0]
    assert decoded(full["noisy"][0]).shape == (160, 160, 3)
    size = sum(map(len, [*full["noisy"], *full["clean"], full["final"]]))
    monkeypatch.setattr(gallery_module, "BUDGET", size - 1)
    assert decoded(gallery_module.gallery_data(read)[0]["noisy"][0]).shape == (128, 128, 3)


@pytest.mark.parametrize("sizes", [{"steps": 1}, {"prompts": 1, "seeds": 1, "steps": 2, "pictures": 1}])
def test_smallest_studies_have_a_report(own_study: Callable[..., StudyFolder], sizes: dict[str, int]) -> None:
    html = write_report(own_study(**sizes)).read_text(encoding="utf-8")
    assert not re.search(r">\s*(nan|None)\b", html)


def test_study_without_gallery_has_a_report(own_study: Callable[..., StudyFolder]) -> None:
    study = own_study(pictures=0)
    html = write_report(study).read_text(encoding="utf-8")
    assert 'id="gallery' not in html
    assert 'href="#gallery"' not in html


@pytest.mark.parametrize("name", ["study.toml", "scores.parquet", "probes/card.json"])
def test_unfinished_study_is_one_clear_line(own_study: Callable[..., StudyFolder], name: str) -> None:
    study = own_study()
    (study.folder / name).unlink()
    with pytest.raises(UnderpaintingError, match=Path(name).name) as error:
        write_report(open_study(study.folder))
    assert "`underpainting " in str(error.value) and "\n" not in str(error.value)
    assert not study.report_file.exists()


@pytest.mark.parametrize(
    "name", ["study.toml", "scores.parquet", "probes/card.json", "gallery/gallery.safetensors"]
)
def test_broken_file_is_named(own_study: Callable[..., StudyFolder], name: str) -> None:
    study = own_study()
    (study.folder / name).write_bytes(b"{not this")
    with pytest.raises(UnderpaintingError, match=Path(name).name):
        write_report(open_study(study.folder))
